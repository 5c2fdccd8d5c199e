/* Passkeys and the keys of devices. A form says by data-passkey what it needs: "make" and "show" ask the device's own passkeys, "bind"
   makes a key pair in this browser that can never be taken out of it, "sign" signs with that. What comes of it goes into the form's
   hidden field, and the form is sent as if somebody had typed it. */
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const listed = (all) => all?.map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: listed(options.excludeCredentials),
      },
    });
    const { response } = made;
    return {
      id: made.id, rawId: text(made.rawId), type: made.type,
      response: {
        clientDataJSON: text(response.clientDataJSON),
        attestationObject: text(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      },
    };
  };
  const show = async (options) => {
    const shown = await navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) },
    });
    const { response } = shown;
    return {
      id: shown.id, rawId: text(shown.rawId), type: shown.type,
      response: {
        clientDataJSON: text(response.clientDataJSON),
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        userHandle: response.userHandle ? text(response.userHandle) : null,
      },
    };
  };

  /* One key pair a browser, in its own store; the private one is there to sign and cannot be read, by this page neither. */
  const store = (mode, act) => new Promise((resolve, reject) => {
    const opening = indexedDB.open("tongbao", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const asked = act(opening.result.transaction("keys", mode).objectStore("keys"));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    };
  });
  const SUITE = { name: "ECDSA", namedCurve: "P-256" };
  const kept = (customer) => store("readonly", (keys) => keys.get(customer));
  const bind = async (customer) => {
    const pair = await crypto.subtle.generateKey(SUITE, false, ["sign"]);
    await store("readwrite", (keys) => keys.put(pair, customer));
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    return { kty, crv, x, y, alg: "ES256" };
  };
  const sign = async (customer, message) => {
    const pair = await kept(customer);
    if (!pair) throw new Error("this browser has no key");
    return text(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes(message)));
  };

  const options = async (form) => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const answer = await fetch(form.dataset.from, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    return answer.json();
  };
  const acts = {
    make: async (form) => JSON.stringify(await make(await options(form))),
    show: async (form) => JSON.stringify(await show(await options(form))),
    bind: async (form) => JSON.stringify(await bind(form.dataset.customer)),
    sign: (form) => sign(form.dataset.customer, form.dataset.message),
  };
  const able = (form) => {
    const here = form.dataset.rp === undefined || location.hostname === form.dataset.rp || location.hostname.endsWith(`.${form.dataset.rp}`);
    const kind = form.dataset.passkey;
    return window.isSecureContext && here && (kind === "make" || kind === "show" ? Boolean(window.PublicKeyCredential) : Boolean(crypto.subtle && indexedDB));
  };

  const wire = () => document.querySelectorAll("form[data-passkey]").forEach((form) => {
    if (form.dataset.wired) return;
    form.dataset.wired = "1";
    const failed = form.querySelector("[data-failed]");
    if (!able(form)) {
      form.querySelector("[data-unable]")?.removeAttribute("hidden");
      if (form.hasAttribute("data-hide")) form.setAttribute("hidden", "");
      return;
    }
    form.removeAttribute("hidden");
    form.querySelectorAll("[data-able]").forEach((part) => part.removeAttribute("hidden"));
    const field = form.querySelector("[data-response]");
    form.addEventListener("submit", async (event) => {
      if (field.value) return;
      event.preventDefault();
      event.stopPropagation();
      if (form.dataset.busy) return;
      form.dataset.busy = "1";
      failed?.setAttribute("hidden", "");
      try {
        field.value = await acts[form.dataset.passkey](form);
        form.requestSubmit();
      } catch (error) {
        if (failed) { failed.removeAttribute("hidden"); failed.dataset.why = error.name; }
      } finally {
        delete form.dataset.busy;
      }
    });
  });
  wire(); /* deferred: the page stands; or brought by `app.js`, which has put an answer in its place */
  document.addEventListener("tongbao:shown", wire);
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-passkey] [data-response]").forEach((field) => { field.value = ""; }));
})();
