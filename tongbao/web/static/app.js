/* A customer's pages as an app: the worker that answers without a connection, the last balance, and a payment whose answer was lost. */
(() => {
  "use strict";
  const OWN = "tongbao-own";
  const BALANCE = "/offline/balance";
  const able = "serviceWorker" in navigator && "caches" in window;
  const forget = () => able && caches.delete(OWN);

  /* The balance stays for as long as the session may, and goes with it. */
  const keep = async (shown) => {
    if (!able) return;
    const { at, until, account } = shown.dataset;
    const told = { lang: document.documentElement.lang, sum: shown.textContent.trim(), at, until, account };
    await (await caches.open(OWN)).put(BALANCE, new Response(JSON.stringify(told), { headers: { "content-type": "application/json" } }));
  };
  const keepAll = (root) => {
    const shown = root.matches?.("[data-kept-balance]") ? root : root.querySelector?.("[data-kept-balance]");
    if (shown) keep(shown);
  };
  const tellKept = async (place) => {
    const found = able && await caches.match(BALANCE, { cacheName: OWN });
    if (!found) return;
    const told = await found.json();
    if (!(Date.parse(told.until) > Date.now())) { await forget(); return; }
    const time = place.querySelector("time");
    time.dateTime = told.at;
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" }).format(new Date(told.at));
    place.querySelector("[data-sum]").textContent = told.sum;
    place.querySelector("[data-account]").textContent = told.account;
    place.hidden = false;
  };

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-offline]");
    if (place) tellKept(place);
    else if (document.querySelector('form[action="/me/logout"]')) keepAll(document);
    else forget();
    document.querySelector("[data-again]")?.addEventListener("click", () => location.reload());
    if (able) navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  });
  document.addEventListener("htmx:afterSettle", (event) => keepAll(event.target));

  /* A form that pays waits for its answer here. Where that is lost, the bank is asked for the payment by its id, and the same form is
     sent again where nothing is known of it: the same id pays once, and the first result is shown. By `data-result` a form says where to
     ask; one with `data-repeat` is only sent again: the payment is known, and what is asked of it has an id of its own. */
  const PAUSES_S = [1, 2, 4, 8, 16];
  const PATIENCE_MS = 12000;
  const pause = (s) => new Promise((done) => setTimeout(done, s * 1000));
  const request = (address, more) => fetch(address, {
    credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
    ...more, headers: { accept: "text/html", "tongbao-way": "told", ...more?.headers },
  });
  const send = async (form, fields) => {
    const answer = await request(form.action, { method: "POST", body: fields });
    const way = answer.headers.get("tongbao-way");
    if (way) { location.assign(way); return; }
    show(await answer.text());
  };
  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = document.importNode(page.querySelector("main"), true);
    const known = new Set([...document.scripts].map((one) => one.src));
    document.title = page.title;
    document.querySelector("main").replaceWith(main);
    window.htmx?.process(main);
    const first = main.querySelector('[role="alert"]:not([hidden])') ?? main.querySelector("h1");
    if (first) { first.tabIndex = -1; first.focus(); }
    document.dispatchEvent(new Event("tongbao:shown"));
    for (const { src } of main.querySelectorAll("script[src]")) {
      if (!known.has(src)) document.head.append(Object.assign(document.createElement("script"), { src }));
    }
  };
  const look = async (form) => {
    const answer = await request(form.dataset.result, { method: "HEAD" });
    if (answer.ok || answer.headers.get("tongbao-way")) return true;
    if (answer.status === 404) return false;
    throw new Error(String(answer.status));
  };
  const patiently = async (form, fields) => {
    const said = form.querySelector("[data-weak]");
    const tell = (words) => { said.hidden = false; said.querySelector("p").textContent = words; };
    for (const s of [0, ...PAUSES_S]) {
      try {
        if (s) {
          await pause(s);
          if (form.dataset.result && await look(form)) { location.assign(form.dataset.result); return; }
        }
        await send(form, fields);
        return;
      } catch {
        tell(said.dataset.asking);
      }
    }
    tell(said.dataset.unknown);
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form.dataset?.result || form.hasAttribute("data-repeat"))) return;
    event.preventDefault();
    patiently(form, new URLSearchParams(new FormData(form, event.submitter)));
  });
})();
