/* Part 6: tables. Below 520 px (or variant=list) every row becomes a small card, arranged by the headers' listSlot. */
const NARROW = 520;
const SLOTS = ["primary", "secondary", "inline", "kicker", "labeled"];
names["s-table"] = class extends Part {
  static attrs = ["variant", "loading", "paginate", "haspreviouspage", "hasnextpage"];
  static css = `:host { display: block; position: relative; min-inline-size: 0; } .scroll { overflow-x: auto; } .table { display: table; inline-size: 100%; border-collapse: collapse; }
    :host(:state(list)) .table { display: block; } .filters { padding: 12px 16px; border-block-end: 1px solid var(--line); } [hidden] { display: none !important; }
    nav { display: flex; gap: 8px; justify-content: center; padding: 10px; border-block-start: 1px solid var(--line); }
    nav button { font: inherit; border: 1px solid #b9c1cc; background: #fff; color: inherit; border-radius: 7px; padding: 6px 12px; cursor: pointer; min-block-size: 34px; } nav button:disabled { color: #687385; background: #eceff2; cursor: default; }
    .veil { position: absolute; inset: 0; background: rgb(255 255 255 / 70%); display: grid; place-items: center; font-weight: 550; }`;
  draw() {
    this.shadowRoot.innerHTML = `<div class=filters><slot name=filters></slot></div><div class=scroll><div class=table role=table><slot></slot></div></div>
      <nav aria-label="${word("pages")}"><button type=button class=previous>‹ ${word("previous")}</button><button type=button class=next>${word("next")} ›</button></nav><div class=veil role=status hidden></div>`;
    this.shutEmpty("filters", ".filters");
    this.$(".previous").addEventListener("click", () => this.emit("previouspage"));
    this.$(".next").addEventListener("click", () => this.emit("nextpage"));
    this.addEventListener("click", (event) => this.delegate(event));
    new MutationObserver(() => this.arrange()).observe(this, { childList: true, subtree: true });
    new ResizeObserver(() => this.arrange()).observe(this);
  }
  /** A click on a row with clickDelegate goes to the named link, unless something in the row was meant. */
  delegate(event) {
    const row = event.target.closest?.("s-table-row[clickdelegate]");
    if (!row || event.composedPath().some((node) => ["a", "button", "input", "select"].includes(node.localName)))
      return;
    document.getElementById(row.getAttribute("clickdelegate"))?.shadowRoot?.querySelector(".act")?.click();
  }
  update() {
    this.$("nav").hidden = !this.has("paginate");
    this.$(".previous").disabled = !this.has("haspreviouspage");
    this.$(".next").disabled = !this.has("hasnextpage");
    this.$(".veil").hidden = !this.has("loading");
    this.$(".veil").textContent = this.has("loading") ? `${word("loading")} …` : "";
    this.arrange();
  }
  arrange() {
    const list = this.attr("variant") === "list" || (this.clientWidth > 0 && this.clientWidth < NARROW);
    const mark = (el, name, on) => el.internals?.states[on ? "add" : "delete"](name);
    mark(this, "list", list);
    const headers = [...this.querySelectorAll("s-table-header")];
    for (const el of this.querySelectorAll("s-table-header-row, s-table-body, s-table-row, s-table-header"))
      mark(el, "list", list);
    for (const header of headers) mark(header, "numeric", ["numeric", "currency"].includes(header.attr?.("format")));
    for (const row of this.querySelectorAll("s-table-row")) {
      [...row.children]
        .filter((cell) => cell.localName === "s-table-cell")
        .forEach((cell, index) => {
          const header = headers[index];
          const place = header?.getAttribute("listslot") ?? "labeled";
          mark(cell, "list", list);
          mark(cell, "numeric", ["numeric", "currency"].includes(header?.getAttribute("format")));
          for (const name of SLOTS) mark(cell, name, name === place);
          cell.label?.(list && place === "labeled" ? (header?.textContent.trim() ?? "") : "");
        });
    }
  }
};
const tablePart = (role, css) =>
  class extends Part {
    static css = css;
    update() {
      this.setAttribute("role", role);
    }
  };
names["s-table-header-row"] = tablePart(
  "row",
  `:host { display: table-row; background: #f7f8fa; } :host(:state(list)) { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }`,
);
names["s-table-header"] = class extends (
  tablePart(
    "columnheader",
    `:host { display: table-cell; padding: 8px 12px; font-size: 12.5px; font-weight: 600; color: var(--soft); text-align: start; white-space: nowrap; border-block-end: 1px solid var(--line); }
  :host(:first-child) { padding-inline-start: 16px; } :host(:last-child) { padding-inline-end: 16px; } :host(:state(numeric)) { text-align: end; }`,
  )
) {
  static attrs = ["listslot", "format"];
};
names["s-table-body"] = tablePart(
  "rowgroup",
  ":host { display: table-row-group; } :host(:state(list)) { display: block; }",
);
names["s-table-row"] = class extends (
  tablePart(
    "row",
    `:host { display: table-row; } :host(:hover) { background: #fafbfc; } :host([clickdelegate]) { cursor: pointer; }
  :host(:state(list)) { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: baseline; padding: 12px 16px; border-block-start: 1px solid var(--line); }`,
  )
) {
  static attrs = ["clickdelegate"];
};
names["s-table-cell"] = class extends Part {
  static css = `:host { display: table-cell; padding: 10px 12px; border-block-end: 1px solid #eceff2; vertical-align: middle; overflow-wrap: anywhere; }
    :host(:first-child) { padding-inline-start: 16px; } :host(:last-child) { padding-inline-end: 16px; } :host(:state(numeric)) { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
    .label { color: var(--soft); font-size: 12.5px; } .label:empty { display: none; } .value { min-inline-size: 0; }
    :host(:state(list):state(labeled)) .label { flex: none; } :host(:state(list):state(labeled)) .value { text-align: end; }
    :host(:state(primary)) { min-inline-size: 168px; }
    :host(:state(list)) { display: block; padding: 0; border: 0; text-align: start; flex: 1 1 100%; } :host(:state(list):state(kicker)) { order: 0; font-size: 12.5px; color: var(--soft); }
    :host(:state(list):state(primary)) { order: 1; flex: 1 1 0; min-inline-size: 55%; font-weight: 600; } :host(:state(list):state(inline)) { order: 2; flex: 0 1 auto; }
    :host(:state(list):state(secondary)) { order: 3; color: var(--soft); } :host(:state(list):state(labeled)) { order: 4; display: flex; gap: 10px; justify-content: space-between; }`;
  draw() {
    this.shadowRoot.innerHTML = "<span class=label aria-hidden=true></span><span class=value><slot></slot></span>";
  }
  label(text) {
    this.$(".label").textContent = text;
  }
  update() {
    this.setAttribute("role", "cell");
  }
};
