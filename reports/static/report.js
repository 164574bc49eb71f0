"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, attributes = {}, text = "") => {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const button = (text, attributes, act) => {
    const made = make("button", { type: "button", ...attributes }, text);
    made.addEventListener("click", act);
    return made;
  };
  document.documentElement.classList.add("script");
  const data = JSON.parse($("#data").textContent);

  // Theme: the reader's choice holds for this view; storage is not to be had from a file.
  const root = document.documentElement;
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = make("div", { class: "theme" });
  const toggle = button("", { id: "theme" }, () => { root.dataset.theme = isDark() ? "light" : "dark"; label(); });
  const label = () => { toggle.textContent = isDark() ? "☀ Light" : "☾ Dark"; };
  label();
  theme.append(toggle);
  $(".masthead .inner").append(theme);

  // Sections: mark the one in view.
  const links = new Map($$(".contents a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of $$("main > section")) seen.observe(section);

  // Metrics: one at a time, the same in every section that has it.
  const choose = (metric) => {
    for (const panels of $$(".panels")) {
      const own = $$(":scope > .panel", panels);
      if (!own.some((panel) => panel.dataset.metric === metric)) continue;
      for (const panel of own) panel.hidden = panel.dataset.metric !== metric;
      for (const tab of $$(":scope > .tabs button", panels)) {
        const chosen = tab.dataset.metric === metric;
        tab.setAttribute("aria-selected", chosen);
        tab.tabIndex = chosen ? 0 : -1;
      }
    }
  };
  for (const panels of $$(".panels")) {
    const own = $$(":scope > .panel", panels);
    if (own.length < 2) continue;
    const tabs = make("div", { class: "tabs", role: "tablist", "aria-label": "Metric" });
    for (const panel of own) {
      const tab = button(panel.dataset.metric, { role: "tab" }, () => choose(panel.dataset.metric));
      tab.dataset.metric = panel.dataset.metric;
      tabs.append(tab);
      panel.setAttribute("role", "tabpanel");
    }
    tabs.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const all = $$("button", tabs);
      const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
      choose(next.dataset.metric);
      next.focus();
      event.preventDefault();
    });
    panels.prepend(tabs);
    choose(own[0].dataset.metric);
  }
  if ($(".panel")) choose($(".panel").dataset.metric);

  // Legend: a click hides a codec in every figure.
  for (const entry of $$(".legend li")) {
    const inner = button("", { "aria-pressed": "true", title: "show or hide in the figures" }, () => {
      const off = entry.classList.toggle("off");
      inner.setAttribute("aria-pressed", !off);
      for (const group of $$(`.series[data-series="${entry.dataset.series}"]`)) group.classList.toggle("hidden", off);
    });
    inner.append(...entry.childNodes);
    entry.append(inner);
  }

  // Tables: a click on a heading sorts; cells without a value stay last.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };
  for (const table of $$("table.sortable")) {
    $$("thead th", table).forEach((heading, column) => {
      if (!heading.dataset.sort) return;
      const numeric = heading.dataset.sort === "number";
      const inner = button("", {}, () => {
        const before = heading.getAttribute("aria-sort");
        const first = heading.dataset.first ?? (numeric ? "descending" : "ascending");
        const order = before ? (before === "ascending" ? "descending" : "ascending") : first;
        for (const other of $$("thead th", table)) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", order);
        table.classList.add("sorted");
        const sign = order === "ascending" ? 1 : -1;
        const body = table.tBodies[0];
        const known = (text) => text !== "" && !(numeric && Number.isNaN(parseFloat(text)));
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [valueOf(a, column), valueOf(b, column)];
          if (!known(x) || !known(y)) return known(y) - known(x);
          return sign * (numeric ? parseFloat(x) - parseFloat(y) : x.localeCompare(y, "en", { numeric: true }));
        });
        body.append(...rows);
      });
      inner.append(...heading.childNodes);
      heading.append(inner);
    });
  }

  // Tips: what <title> says, at once and in the page's own type.
  const tip = make("div", { class: "tip", role: "status", hidden: "" });
  document.body.append(tip);
  for (const svg of $$(".canvas svg")) {
    for (const title of $$("title", svg)) {
      title.parentNode.setAttribute("data-tip", title.textContent);
      title.parentNode.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    svg.addEventListener("pointermove", (event) => {
      const over = event.target.closest("[data-tip]");
      tip.hidden = !over;
      if (!over) return;
      tip.textContent = over.dataset.tip;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${event.clientY + (event.clientY > innerHeight - 80 ? -tip.offsetHeight - 10 : 16)}px`;
    });
    svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  // Downloads.
  const save = (name, type, text) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
  const quoted = (value) => (value === null || value === undefined ? "" : /[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const csv = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  const meanRows = () => (data.means ?? []).map(([row, column, n, failed, mean, low, high]) => {
    const [name, codec, bitrate, loss] = data.conditions[row];
    const { name: metric, unit, direction } = data.measures[column];
    return { condition: name, codec, bitrate, loss, category: "all", metric, mean, ci_low: low, ci_high: high, n, n_failed: failed, unit, direction };
  });
  const files = {
    "means.csv": ["text/csv", () => { const rows = meanRows(); return csv([Object.keys(rows[0] ?? {}), ...rows.map(Object.values)]); }],
    "means.json": ["application/json", () => JSON.stringify(meanRows(), null, 1)],
    "means.tex": ["text/x-tex", () => $('[data-file="means.tex"]').textContent],
    "means.md": ["text/markdown", () => $('[data-file="means.md"]').textContent],
  };
  if (data.values?.length) {
    files["scores.csv"] = ["text/csv", () => csv([
      ["condition", "codec", "bitrate", "loss", "item", "category", "metric", "metric_version", "value", "unit"],
      ...data.values.flatMap((rows, metric) => rows.flatMap((values, row) => values.map((value, item) => [
        ...data.conditions[row].slice(0, 4), data.items[item][0], data.items[item][1],
        data.measures[metric].name, data.measures[metric].version, value, data.measures[metric].unit,
      ]))),
    ])];
  }
  for (const [name, [type, text]] of Object.entries(files)) {
    $("[data-downloads]").append(button(`↓ ${name}`, { "data-download": name }, () => save(name, type, text())));
  }
  const PROPERTIES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font", "text-anchor"];
  const drawingOf = (svg) => {
    const copy = svg.cloneNode(true);
    const originals = [svg, ...$$("*", svg)];
    [copy, ...$$("*", copy)].forEach((node, index) => {
      const style = getComputedStyle(originals[index]);
      for (const property of PROPERTIES) node.setAttribute(property, style.getPropertyValue(property));
      node.removeAttribute("class");
    });
    const { width, height } = svg.viewBox.baseVal;
    const paper = document.createElementNS(svg.namespaceURI, "rect");
    for (const [key, value] of Object.entries({ width, height, fill: getComputedStyle(document.body).backgroundColor })) paper.setAttribute(key, value);
    copy.prepend(paper);
    return new XMLSerializer().serializeToString(copy);
  };
  for (const figure of $$(".figure")) {
    figure.append(button("SVG", { class: "save", title: "save this figure" }, () => {
      save(`${figure.dataset.name}.svg`, "image/svg+xml", drawingOf($("svg", figure)));
    }));
  }

  // Players: all versions run on one clock; switching only moves their gains.
  const RAMP = 0.004; // s, so that a switch does not click
  const LEAD = 0.06; // s between asking for a start and the start
  const waiting = new Map();
  window.codecbenchAudio = (key, text) => waiting.get(key)?.(text);
  let context = null;
  let active = null;

  const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
  const encoded = (entry, key) => new Promise((resolve, reject) => {
    if (!entry.dataset.script) return resolve($("audio", entry).getAttribute("src").split(",", 2)[1]);
    waiting.set(key, resolve);
    const script = make("script", { src: entry.dataset.script });
    script.addEventListener("error", () => reject(new Error(`${entry.dataset.script} is not beside this page`)));
    document.head.append(script);
  });
  const chance = (right, total) => { // of at least as many by guessing
    let sum = 0;
    let term = 1;
    for (let k = 0; k <= total; k += 1) {
      if (k >= right) sum += term;
      term *= (total - k) / (k + 1);
    }
    return sum / 2 ** total;
  };

  class Player {
    constructor(element) {
      this.element = element;
      this.entries = $$(".versions li", element);
      this.names = this.entries.map((entry) => entry.dataset.label);
      this.buffers = [];
      this.voices = [];
      this.current = 0;
      this.offset = 0; // s, while it does not play
      this.started = null; // time of the context at which sample 0 was or would have been played
      this.blind = null;
      this.build();
    }

    build() {
      this.entries.forEach((entry, index) => {
        const inner = button("", { "aria-pressed": "false" }, () => this.select(index));
        inner.append(...$$(":scope > span", entry));
        if (index < 10) inner.title = `key ${index}`;
        entry.prepend(inner);
      });
      const controls = make("div", { class: "controls" });
      this.playButton = button("▶ Play", { "data-action": "play" }, () => this.toggle());
      this.time = make("span", { class: "time" });
      this.loop = make("input", { type: "checkbox" });
      this.loop.checked = true;
      this.match = make("input", { type: "checkbox" });
      const loop = make("label", {}, "loop");
      const match = make("label", { title: "give every version the level of the reference" }, "match levels");
      loop.prepend(this.loop);
      match.prepend(this.match);
      this.loop.addEventListener("change", () => { for (const voice of this.voices) if (voice) voice.source.loop = this.loop.checked; });
      this.match.addEventListener("change", () => this.mix());
      this.choices = ["A", "B"].map((side, index) => {
        const list = make("select", { "aria-label": `version ${side}` });
        this.names.forEach((name, number) => list.append(make("option", { value: number }, name)));
        list.value = Math.min(index, this.names.length - 1);
        list.addEventListener("change", () => this.startBlind(false));
        return list;
      });
      this.sides = ["A", "B", "X"].map((side) =>
        button(side, { "data-side": side, "aria-pressed": "false" }, () => this.hear(side)));
      const [a, b, x] = this.sides;
      x.hidden = true;
      this.abx = button("ABX test", { "data-action": "abx" }, () => this.startBlind(!this.blind));
      controls.append(this.playButton, this.time, loop, match, a, this.choices[0], b, this.choices[1], x, this.abx);
      this.verdict = make("div", { class: "controls blind", hidden: "" });
      this.tally = make("span", { role: "status" });
      this.verdict.append(
        button("X is A", { "data-guess": "A" }, () => this.guess("A")),
        button("X is B", { "data-guess": "B" }, () => this.guess("B")),
        this.tally,
      );
      const list = $(".versions", this.element);
      list.before(controls, this.verdict);
      this.timeline = $(".timeline", this.element);
      if (this.timeline) {
        $("svg", this.timeline)?.setAttribute("preserveAspectRatio", "none");
        this.cursor = make("div", { class: "cursor" });
        this.timeline.append(this.cursor);
        for (const [key, value] of Object.entries({ role: "slider", tabindex: 0, "aria-label": "position", "aria-valuemin": 0 })) this.timeline.setAttribute(key, value);
        this.timeline.addEventListener("click", (event) => {
          const box = this.timeline.getBoundingClientRect();
          this.seek((event.clientX - box.left) / box.width * this.duration);
        });
      }
      this.element.addEventListener("keydown", (event) => this.key(event));
      this.mark();
    }

    get duration() { return this.buffers.find(Boolean)?.duration ?? 0; }
    get playing() { return this.started !== null; }
    get position() {
      if (!this.playing) return this.offset;
      const passed = Math.max(0, context.currentTime - this.started);
      return this.loop.checked ? passed % this.duration : Math.min(passed, this.duration);
    }

    async load(index) {
      if (this.buffers[index]) return;
      const key = `${this.element.dataset.player}-${index}`;
      const text = await encoded(this.entries[index], key);
      this.buffers[index] = await context.decodeAudioData(bytesOf(text));
    }

    async toggle() {
      if (this.playing) return this.pause();
      context ??= new AudioContext();
      if (active && active !== this) active.pause();
      active = this;
      try {
        await context.resume();
        await this.load(this.current);
      } catch (error) {
        this.time.textContent = `cannot play: ${error.message}`;
        return;
      }
      if (this.offset >= this.duration) this.offset = 0;
      this.started = context.currentTime + LEAD - this.offset;
      this.buffers.forEach((buffer, index) => { if (buffer) this.speak(index); });
      this.mix();
      this.mark();
      this.tick();
    }

    speak(index) { // joins the clock of the others, to the sample
      const source = new AudioBufferSourceNode(context, { buffer: this.buffers[index], loop: this.loop.checked });
      const gain = new GainNode(context, { gain: 0 });
      source.connect(gain).connect(context.destination);
      const start = Math.max(context.currentTime + LEAD / 2, this.started);
      const samples = Math.round((start - this.started) * context.sampleRate);
      source.start(this.started + samples / context.sampleRate, (samples / context.sampleRate) % this.duration);
      this.voices[index] = { source, gain };
      source.addEventListener("ended", () => { if (this.playing && this.voices[index]?.source === source && index === this.current) this.pause(0); });
    }

    pause(offset = this.position) {
      this.offset = offset;
      this.started = null;
      for (const voice of this.voices) voice?.source.stop();
      this.voices = [];
      this.mark();
    }

    seek(offset) {
      const was = this.playing;
      if (was) this.pause();
      this.offset = Math.min(Math.max(0, offset), this.duration);
      this.mark();
      if (was) this.toggle();
    }

    async select(index) {
      this.current = index;
      this.mark();
      if (!this.playing) return;
      await this.load(index);
      if (!this.playing) return;
      if (!this.voices[index]) this.speak(index);
      this.mix();
    }

    mix() {
      if (!this.playing) return;
      this.voices.forEach((voice, index) => {
        const decibels = this.match.checked ? Number(this.entries[index].dataset.gain ?? 0) : 0;
        const level = index === this.current ? 10 ** (decibels / 20) : 0;
        voice?.gain.gain.setTargetAtTime(level, context.currentTime, RAMP);
      });
    }

    // Blind comparison: X is A or B, drawn anew after each guess.
    startBlind(on) {
      this.blind = on ? { right: 0, total: 0, x: "A" } : null;
      if (on) this.draw();
      this.sides[2].hidden = !on;
      this.verdict.hidden = !on;
      this.abx.textContent = on ? "end ABX" : "ABX test";
      this.abx.setAttribute("aria-pressed", on);
      this.element.classList.toggle("blinded", on);
      if (on) this.hear("X");
      this.mark();
    }

    draw() {
      this.blind.x = crypto.getRandomValues(new Uint8Array(1))[0] % 2 ? "A" : "B";
      const { right, total } = this.blind;
      this.tally.textContent = total ? `${right} of ${total} right, p = ${chance(right, total).toFixed(3)} by guessing` : "Which one is X?";
    }

    guess(side) {
      this.blind.total += 1;
      if (side === this.blind.x) this.blind.right += 1;
      this.draw();
      this.hear("X");
    }

    hear(side) {
      this.side = side;
      const real = side === "X" ? this.blind?.x ?? "A" : side;
      this.select(Number(this.choices[real === "A" ? 0 : 1].value));
    }

    key(event) {
      if (event.target.matches("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
      const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : null;
      const side = event.key.toUpperCase();
      if (event.key === " " && !event.target.matches("button, summary")) this.toggle();
      else if (digit !== null && digit < this.names.length && !this.blind) this.select(digit);
      else if (side === "A" || side === "B" || (side === "X" && this.blind)) this.hear(side);
      else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        if (event.target !== this.timeline) return;
        this.seek(this.position + (event.key === "ArrowRight" ? 0.5 : -0.5));
      } else return;
      event.preventDefault();
    }

    tick() {
      this.clock();
      if (this.playing) requestAnimationFrame(() => this.tick());
    }

    clock() {
      const [position, duration] = [this.position, this.duration];
      this.time.textContent = duration ? `${position.toFixed(1)} of ${duration.toFixed(1)} s` : "";
      if (!this.timeline) return;
      this.cursor.style.left = `${duration ? 100 * position / duration : 0}%`;
      this.timeline.setAttribute("aria-valuenow", position.toFixed(1));
      this.timeline.setAttribute("aria-valuemax", duration.toFixed(1));
    }

    mark() {
      this.element.dataset.state = this.playing ? "playing" : "paused";
      this.element.dataset.version = this.blind ? "" : this.current;
      this.playButton.textContent = this.playing ? "❚❚ Pause" : "▶ Play";
      this.entries.forEach((entry, index) => $("button", entry).setAttribute("aria-pressed", !this.blind && index === this.current));
      for (const side of this.sides) {
        const own = this.choices[side.dataset.side === "B" ? 1 : 0].value;
        const pressed = this.blind ? side.dataset.side === this.side : side.dataset.side !== "X" && Number(own) === this.current;
        side.setAttribute("aria-pressed", pressed);
      }
      this.clock();
    }
  }
  for (const element of $$(".player")) new Player(element);
})();
