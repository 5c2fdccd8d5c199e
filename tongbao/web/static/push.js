/* Lets this browser receive what the bank pushes: asks the person, agrees with the push service, and tells the bank. */
(() => {
  "use strict";
  const start = () => {
    const form = document.querySelector("form[data-push]");
    if (!form || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
    form.hidden = false;
    let agreed = false;
    form.addEventListener("submit", async (event) => {
      if (agreed) return;
      event.preventDefault();
      event.stopPropagation();
      try {
        if (await Notification.requestPermission() !== "granted") throw new Error("refused");
        const worker = await navigator.serviceWorker.ready;
        const options = { userVisibleOnly: true, applicationServerKey: form.dataset.push };
        const { endpoint, keys } = (await worker.pushManager.subscribe(options)).toJSON();
        Object.assign(form.elements.endpoint, { value: endpoint });
        Object.assign(form.elements.p256dh, { value: keys.p256dh });
        Object.assign(form.elements.auth, { value: keys.auth });
        agreed = true;
        form.requestSubmit();
      } catch {
        const said = form.querySelector("[data-refused]");
        said.textContent = said.dataset.refused;
      }
    });
  };
  document.addEventListener("DOMContentLoaded", start);
})();
