/* What the bank's pages leave on a device: their own files and one page for when there is no connection. No page of a person is kept.
   `TONGBAO` stands above, written by the server: { version, files, offline: { zh, en } }. */
"use strict";
const FILES = `tongbao-files-${TONGBAO.version}`;
const OWN = "tongbao-own";

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const kept = await caches.open(FILES);
    await kept.addAll([...TONGBAO.files, ...Object.values(TONGBAO.offline)].map((at) => new Request(at, { credentials: "omit" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name !== FILES && name !== OWN);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

const kept = async (address) => (await caches.open(FILES)).match(address, { ignoreVary: true });

const withoutConnection = async () => {
  const own = await caches.match("/offline/balance", { cacheName: OWN });
  const said = own ? (await own.json()).lang : self.navigator.language;
  return await kept(TONGBAO.offline[said.startsWith("zh") ? "zh" : "en"]) ?? Response.error();
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (address.origin !== self.location.origin) return;
  if (address.pathname === "/me/logout") {
    event.waitUntil(caches.delete(OWN));
    return;
  }
  if (request.method !== "GET") return;
  if (address.pathname.startsWith("/static/")) {
    event.respondWith(kept(request.url).then((found) => found ?? fetch(request)));
  } else if (request.mode === "navigate" && (address.pathname === "/me" || address.pathname.startsWith("/me/"))) {
    event.respondWith(fetch(request).catch(withoutConnection));
  }
});

/* What the bank pushes is shown, and a press on it opens the page that says more. Only the bank has the key to push here. */
self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  const shown = { body: told.text ?? "", tag: told.id, data: { path: told.path } };
  event.waitUntil(self.registration.showNotification("\u901a\u5b9d", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = new URL(event.notification.data?.path ?? "/me/notices", self.location.origin);
  const to = address.origin === self.location.origin ? address.href : "/me/notices";
  event.waitUntil(self.clients.openWindow(to));
});
