/* What pages do beyond HTML: sort a table, draw it, keep live parts calm, send a form once. Everything reads without it. */
(() => {
  "use strict";
  const chartsAt = document.currentScript.dataset.charts;
  const each = (root, selector, act) => {
    if (root.matches?.(selector)) act(root);
    root.querySelectorAll?.(selector).forEach(act);
  };

  /* Times in the reader's own zone, where it differs from the bank's. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const lang = document.documentElement.lang;
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone });
  const format = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
  const localTime = (time) => {
    if (time.dataset.said) return;
    time.dataset.said = "1";
    const at = new Date(time.dateTime);
    const bank = document.documentElement.dataset.zone;
    if (!bank || Number.isNaN(at.getTime())) return;
    const offset = (tz) => at.toLocaleString("en-GB", { timeZone: tz });
    if (offset(bank) === offset(zone)) return;
    time.title = time.textContent;
    time.textContent = (time.classList.contains("clock") ? clock : format).format(at);
  };

  /* Sorting the rows that are shown. */
  const sortable = (table) => {
    if (table.dataset.ready) return;
    table.dataset.ready = "1";
    table.querySelectorAll("thead th").forEach((head, place) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, head, place));
    });
  };
  const sort = (table, head, place) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    head.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[place]?.dataset.v || row.cells[place]?.textContent.trim() || "";
    const rows = [...table.tBodies[0].rows];
    const numeric = head.classList.contains("number");
    rows.sort((a, b) => (numeric ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b), lang)) * (up ? 1 : -1));
    table.tBodies[0].append(...rows);
  };

  /* Charts are drawn from the table that they stand above: the two cannot differ. */
  let library;
  const echarts = () => {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = chartsAt;
      script.onload = () => resolve(window.echarts);
      script.onerror = reject;
      document.head.append(script);
    });
    return library;
  };
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = async (figure) => {
    const table = figure.querySelector("table");
    if (!table) return;
    const lib = await echarts();
    let canvas = figure.querySelector(".canvas");
    if (!canvas) {
      canvas = document.createElement("div");
      canvas.className = "canvas";
      canvas.setAttribute("aria-hidden", "true");
      figure.prepend(canvas);
      figure.querySelector("details")?.removeAttribute("open");
    }
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const kind = figure.dataset.chart;
    const dashes = ["solid", "dashed", "dotted"];
    const ink = token("--ink-soft");
    const series = heads.flatMap((head, place) => !head.classList.contains("number") ? [] : [{
      type: kind === "stack" ? "bar" : kind, stack: kind === "stack" ? "all" : undefined, name: head.textContent.trim(), showSymbol: false, barMaxWidth: 28, animation: false,
      data: rows.map((row) => Number(row.cells[place]?.dataset.v || 0)),
    }]);
    series.forEach((one, n) => {
      one.lineStyle = { width: 2, type: dashes[n % 3], color: token(`--chart-${(n % 3) + 1}`) };
      one.itemStyle = { color: token(`--chart-${(n % 3) + 1}`) };
      /* What stands on each other is told apart by four fillings, the first of them the lightest. */
      if (kind === "stack") one.itemStyle = { color: [token("--chart-3"), token("--chart-2"), token("--card"), token("--chart-1")][n % 4], borderColor: ink, borderWidth: n % 4 === 2 ? 1 : 0 };
    });
    const chart = lib.getInstanceByDom(canvas) ?? lib.init(canvas, null, { renderer: "svg" });
    chart.setOption({
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
      grid: { left: 8, right: 12, top: series.length > 1 ? 36 : 16, bottom: 8, containLabel: true },
      legend: series.length > 1 ? { top: 0, left: 0, icon: "roundRect", textStyle: { color: ink } } : undefined,
      tooltip: { trigger: "axis", confine: true },
      xAxis: { type: "category", data: rows.map((row) => row.cells[0].textContent.trim()), axisLabel: { color: ink }, axisLine: { lineStyle: { color: token("--line-strong") } } },
      yAxis: { type: "value", axisLabel: { color: ink }, splitLine: { lineStyle: { color: token("--line") } } },
      series,
    });
    if (!figure.dataset.sized) {
      figure.dataset.sized = "1";
      new ResizeObserver(() => chart.resize()).observe(canvas);
    }
  };

  /* A stream that is refused (the database is away, the process is full) is asked for again every few seconds, for as long as
     the page is open; a browser gives up at the first refusal. Where the session is over, the page goes to the door. */
  class Stream {
    constructor(address) {
      this.address = address;
      this.heard = [];
      this.closed = false;
      this.connect();
    }
    /* One that was refused counts as connecting. */
    get readyState() { return this.closed ? EventSource.CLOSED : this.source.readyState % EventSource.CLOSED; }
    connect() {
      const source = this.source = new EventSource(this.address);
      this.heard.forEach((pair) => source.addEventListener(...pair));
      source.onopen = (event) => this.onopen?.(event);
      source.onerror = (event) => {
        if (source.readyState === EventSource.CLOSED) this.later();
        this.onerror?.(event);
      };
    }
    later() { setTimeout(() => this.again(), 2000 + 2000 * Math.random()); }
    async again() {
      const asking = new AbortController();
      const status = this.closed ? 0 : await fetch(this.address, { signal: asking.signal }).then((answer) => answer.status, () => 0);
      asking.abort();
      if (this.closed) return;
      if (status === 401) location.reload();
      else if (status === 200) this.connect();
      else this.later();
    }
    addEventListener(...pair) { this.heard.push(pair); this.source.addEventListener(...pair); }
    removeEventListener(...pair) {
      this.heard = this.heard.filter((other) => other[0] !== pair[0] || other[1] !== pair[1]);
      this.source.removeEventListener(...pair);
    }
    close() { this.closed = true; this.source.close(); }
  }
  if (window.htmx) htmx.createEventSource = (address) => new Stream(address);

  /* Live parts: paused by a press, told once when the bank is gone and when it is back. */
  const live = (part) => {
    if (part.dataset.ready) return;
    part.dataset.ready = "1";
    const pause = part.querySelector("[data-pause]");
    const said = part.querySelector("[data-lost]");
    let paused = false, lost = false;
    if (pause) {
      const words = [pause.textContent, pause.dataset.resume];
      pause.hidden = false;
      pause.addEventListener("click", () => {
        paused = !paused;
        pause.textContent = words[paused ? 1 : 0];
        pause.setAttribute("aria-pressed", String(paused));
      });
    }
    part.addEventListener("htmx:sseBeforeMessage", (event) => { if (paused) event.preventDefault(); });
    const gone = () => { if (!lost) { lost = true; part.dataset.state = "lost"; if (said) said.textContent = said.dataset.lost; } };
    const back = () => { if (lost) { lost = false; part.dataset.state = "back"; if (said) said.textContent = said.dataset.back; } };
    /* A stream ends now and then, and comes back at once: that is no news. */
    let late;
    part.addEventListener("htmx:sseError", () => { late ??= setTimeout(gone, 4000); });
    part.addEventListener("htmx:sseOpen", () => { clearTimeout(late); late = undefined; back(); });
    /* What asks by itself every few seconds rests while nobody looks; where the session is over, the page goes to the door. */
    part.addEventListener("htmx:beforeRequest", (event) => { if (paused || document.hidden) event.preventDefault(); });
    part.addEventListener("htmx:sendError", gone);
    part.addEventListener("htmx:timeout", gone);
    part.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status === 401) location.reload(); else gone(); });
    part.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.xhr.status < 400) back(); });
  };
  /* A live region speaks at most every five seconds. */
  const calm = (region) => {
    if (region.dataset.ready) return;
    region.dataset.ready = "1";
    const source = () => document.getElementById(region.dataset.calm)?.textContent ?? region.textContent;
    setInterval(() => { const text = source(); if (region.textContent !== text) region.textContent = text; }, 5000);
  };

  /* A form is sent once: a second press waits for the first answer. Coming back by the back button frees it. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("method")?.toLowerCase() !== "post") return; /* a field may be called `method` */
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  }));
  document.addEventListener("click", (event) => {
    const copy = event.target.closest?.("[data-copy]");
    if (!copy) return;
    const text = document.getElementById(copy.dataset.copy)?.textContent ?? "";
    navigator.clipboard?.writeText(text).then(() => { copy.textContent = copy.dataset.copied; });
  });
  /* A choice that filters acts at once. */
  document.addEventListener("change", (event) => { if (event.target.matches?.("form.filter select")) event.target.form.requestSubmit(); });

  const ready = (root) => {
    each(root, "time[datetime]", localTime);
    each(root, "table[data-sortable]", sortable);
    each(root, "figure[data-chart]", draw);
    each(root, "[data-live]", live);
    each(root, "[data-calm]", calm);
  };
  const wide = window.matchMedia("(min-width: 801px)");
  const menu = () => document.querySelectorAll(".menu details").forEach((details) => { details.open = wide.matches; });
  document.addEventListener("DOMContentLoaded", () => { menu(); ready(document); });
  wide.addEventListener("change", menu);
  document.addEventListener("htmx:afterSettle", (event) => ready(event.target));
  /* Rows that a live part brings show once that they are new. */
  const known = new WeakMap();
  document.addEventListener("htmx:sseBeforeMessage", (event) => known.set(event.target, new Set([...event.target.querySelectorAll("tr[id]")].map((row) => row.id))));
  document.addEventListener("htmx:sseMessage", (event) => {
    const before = known.get(event.target);
    if (before?.size) event.target.querySelectorAll("tr[id]").forEach((row) => row.classList.toggle("arrived", !before.has(row.id)));
    ready(event.target);
    const figure = event.target.closest("figure[data-chart]");
    if (figure) draw(figure);
  });
  /* The same for a part that asks for itself and is replaced as a whole; whoever stood on a link in a row stays there. */
  const asked = new Map();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const focus = target.contains(document.activeElement) ? document.activeElement.closest("tr[id]")?.id : undefined;
    if (target.id) asked.set(target.id, { rows: new Set([...target.querySelectorAll("tr[id]")].map((row) => row.id)), focus });
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const before = asked.get(event.target.id);
    if (!before) return;
    asked.delete(event.target.id);
    event.target.querySelectorAll("tr[id]").forEach((row) => row.classList.toggle("arrived", !before.rows.has(row.id)));
    if (before.focus) document.getElementById(before.focus)?.querySelector("a")?.focus({ preventScroll: true });
  });
  const redraw = () => document.querySelectorAll("figure[data-chart]").forEach(draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
