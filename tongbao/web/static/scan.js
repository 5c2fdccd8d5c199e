/* Reads a shop's code by camera or from a picture. Pictures never leave the device: only the text that was read goes to the bank. */
(() => {
  "use strict";
  const place = document.querySelector("[data-scan]");
  if (!place) return;
  const LONGEST_SIDE = 1200;
  const video = place.querySelector("video");
  const said = place.querySelector("[data-scan-said]");
  const start = place.querySelector("[data-scan-start]");
  const canvas = document.createElement("canvas");
  let library;
  let stream;

  const reader = () => {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = place.dataset.reader;
      script.onload = () => resolve(window.jsQR);
      script.onerror = reject;
      document.head.append(script);
    });
    return library;
  };
  const read = async (image, width, height) => {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const paper = canvas.getContext("2d", { willReadFrequently: true });
    paper.drawImage(image, 0, 0, canvas.width, canvas.height);
    const seen = paper.getImageData(0, 0, canvas.width, canvas.height);
    return (await reader())(seen.data, seen.width, seen.height)?.data;
  };
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = undefined;
    video.hidden = true;
    start.hidden = false;
  };
  const found = (text) => {
    stop();
    location.assign(`/me/scan?${new URLSearchParams({ code: text.slice(0, 500) })}`);
  };
  const look = async () => {
    if (!stream) return;
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      const text = await read(video, video.videoWidth, video.videoHeight);
      if (text) { found(text); return; }
    }
    setTimeout(look, 120);
  };
  const open = async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch {
      said.textContent = said.dataset.closed;
      return;
    }
    video.srcObject = stream;
    video.hidden = false;
    start.hidden = true;
    said.textContent = said.dataset.looking;
    await video.play();
    look();
  };
  start.addEventListener("click", open);
  place.querySelector("input[type=file]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const image = await createImageBitmap(file);
      const text = await read(image, image.width, image.height);
      if (text) { found(text); return; }
    } catch { /* no picture that this browser knows */ }
    said.textContent = said.dataset.none;
  });
  addEventListener("pagehide", stop);
  start.hidden = !navigator.mediaDevices?.getUserMedia;
  /* Whoever has let the camera see before is spared a press; not the one who has just scanned what is no code. */
  navigator.permissions?.query({ name: "camera" }).then(({ state }) => state === "granted" && !("stopped" in place.dataset) && open()).catch(() => undefined);
})();
