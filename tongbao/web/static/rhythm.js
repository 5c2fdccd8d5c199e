/* How long keys are held and how long it takes from one to the next, where the page says that its reader has agreed: never which keys.
   It goes beside the form, which waits for nothing here. */
(() => {
  "use strict";
  const MOST = 64;
  const LONGEST_MS = 10000;
  const FEWEST = 2;
  const known = new WeakMap();
  const formOf = (event) => event.target.closest?.("form[data-rhythm]");
  const keep = (list, ms) => {
    if (list.length < MOST && ms >= 0 && ms <= LONGEST_MS) list.push(Math.round(ms));
  };

  document.addEventListener("keydown", (event) => {
    const form = formOf(event);
    if (!form || event.repeat || event.key === "Tab" || event.key === "Enter") return;
    if (!known.has(form)) known.set(form, { intervals: [], holds: [], down: new Map() });
    const one = known.get(form);
    if (one.place === event.target) keep(one.intervals, event.timeStamp - one.last);
    one.place = event.target;
    one.last = event.timeStamp;
    one.down.set(event.code, event.timeStamp);
  });
  document.addEventListener("keyup", (event) => {
    const one = known.get(formOf(event));
    const since = one?.down.get(event.code);
    if (since === undefined) return;
    one.down.delete(event.code);
    keep(one.holds, event.timeStamp - since);
  });

  document.addEventListener("submit", (event) => {
    const form = formOf(event);
    const one = known.get(form);
    if (!one || one.intervals.length < FEWEST) return;
    known.delete(form);
    const { rhythm, rhythmId } = form.dataset;
    const said = JSON.stringify({ id: rhythmId, form: rhythm, intervals: one.intervals, holds: one.holds });
    if (form.elements.rhythm) form.elements.rhythm.value = said;
    else navigator.sendBeacon("/me/rhythm", new Blob([said], { type: "application/json" }));
  }, true);
})();
