/* Part 2: layout (page, section, stack, grid, box, divider, query container). */
const gapRules = (el) =>
  [
    ["gap", "gap"],
    ["rowgap", "row-gap"],
    ["columngap", "column-gap"],
  ]
    .filter(([name]) => el.has(name))
    .map(([name, property]) => responsive(property, el.attr(name), spaces))
    .join("\n");
const alignRules = (el, list) =>
  list
    .filter(([name]) => el.has(name))
    .map(([name, property]) => responsive(property, el.attr(name)))
    .join("\n");
const ALIGN = [
  ["alignitems", "align-items"],
  ["aligncontent", "align-content"],
  ["justifycontent", "justify-content"],
];

names["s-box"] = class extends Box {};
names["s-stack"] = class extends Box {
  static attrs = [...BOX_ATTRS, "direction", "gap", "rowgap", "columngap", ...ALIGN.map(([name]) => name)];
  static css = ":host { display: flex; flex-direction: column; min-inline-size: 0; }";
  extra() {
    const row = responsive("flex-direction", this.attr("direction", "block"), (v) =>
      v === "inline" ? "row" : "column",
    );
    const center = responsive("align-items", this.attr("direction", "block"), (v) =>
      v === "inline" ? "center" : "stretch",
    );
    return `${row} ${center} :host { flex-wrap: wrap; } ${gapRules(this)} ${alignRules(this, ALIGN)}`;
  }
};
names["s-grid"] = class extends Box {
  static more = [
    ...ALIGN,
    ["justifyitems", "justify-items"],
    ["placeitems", "place-items"],
    ["placecontent", "place-content"],
    ["gridtemplatecolumns", "grid-template-columns"],
    ["gridtemplaterows", "grid-template-rows"],
  ];
  static attrs = [...BOX_ATTRS, "gap", "rowgap", "columngap", ...this.more.map(([name]) => name)];
  static css = ":host { display: grid; min-inline-size: 0; }";
  extra() {
    return gapRules(this) + alignRules(this, this.constructor.more);
  }
};
names["s-grid-item"] = class extends Box {
  static attrs = [...BOX_ATTRS, "gridcolumn", "gridrow"];
  extra() {
    return alignRules(this, [
      ["gridcolumn", "grid-column"],
      ["gridrow", "grid-row"],
    ]);
  }
};
names["s-scroll-box"] = class extends Box {
  static attrs = [...BOX_ATTRS.filter((name) => !["borderradius"].includes(name)), "borderradius"];
  static css = ":host { display: block; overflow: auto; }";
};
names["s-query-container"] = class extends Part {
  static attrs = ["containername"];
  static css = ":host { display: block; container-type: inline-size; }";
  update() {
    this.own.replaceSync(
      this.has("containername") ? `:host { container-name: ${CSS.escape(this.attr("containername"))}; }` : "",
    );
  }
};
names["s-divider"] = class extends Part {
  static attrs = ["direction", "color"];
  static css = `:host { display: block; } div { border: 0 solid var(--line); border-block-start-width: 1px; }
    :host([direction=block]) { align-self: stretch; } :host([direction=block]) div { block-size: 100%; border-inline-start-width: 1px; border-block-start-width: 0; }
    :host([color=strong]) div { border-color: var(--line-strong); }`;
  draw() {
    this.shadowRoot.innerHTML = "<div role=separator></div>";
  }
};

names["s-page"] = class extends Part {
  static attrs = ["heading", "inlinesize"];
  static css = `:host { display: block; container-type: inline-size; background: var(--ground); min-block-size: 100vh; }
    .page { max-inline-size: 960px; margin: 0 auto; padding: 20px 20px 48px; }
    :host([inlinesize=small]) .page { max-inline-size: 680px; } :host([inlinesize=large]) .page { max-inline-size: none; }
    header { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-block-end: 16px; min-block-size: 34px; }
    h1 { font-size: 20px; line-height: 1.3; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
    .actions { display: flex; flex-wrap: wrap; gap: 8px; margin-inline-start: auto; }
    .crumb { display: inline-flex; } .crumb:not([hidden])::after { content: "›"; color: var(--soft); margin-inline-start: 10px; }
    [hidden] { display: none !important; }
    .top { margin-block-end: 16px; } .columns { display: grid; gap: 16px; align-items: start; grid-template-columns: minmax(0, 1fr); }
    .main, .aside { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
    @container (inline-size > 760px) { .columns.two { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); } }
    @container (inline-size < 480px) { .page { padding: 14px 12px 40px; } .actions { margin-inline-start: 0; } }`;
  draw() {
    this.shadowRoot.innerHTML = `<div class=page><header><span class=crumb><slot name=breadcrumb-actions></slot></span><h1></h1>
      <span class=accessory><slot name=accessory></slot></span><span class=actions><slot name=secondary-actions></slot><slot name=primary-action></slot></span></header>
      <div class=top><slot name=supplemental-start></slot></div>
      <div class=columns><div class=main><slot></slot></div><div class=aside><slot name=aside></slot></div></div></div>`;
    for (const [slot, wrapper] of [
      ["breadcrumb-actions", ".crumb"],
      ["accessory", ".accessory"],
      ["supplemental-start", ".top"],
      ["aside", ".aside"],
    ])
      this.shutEmpty(slot, wrapper);
    const aside = this.$("slot[name=aside]");
    const columns = () => this.$(".columns").classList.toggle("two", aside.assignedElements().length > 0);
    aside.addEventListener("slotchange", columns);
    columns();
  }
  update() {
    this.put("h1", this.attr("heading"));
  }
};

const depthOf = (el) => {
  let depth = 0;
  for (let up = el.parentElement; up; up = up.parentElement) depth += up.localName === "s-section";
  return depth;
};
names["s-section"] = class extends Part {
  static attrs = ["heading", "subheading", "padding", "accessibilitylabel"];
  static css = `:host { display: block; min-inline-size: 0; }
    section { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); padding: 16px; box-shadow: 0 1px 2px rgb(31 42 55 / 5%); }
    :host([padding=none]) section { padding: 0; overflow: hidden; } :host([padding=none]) .head { padding: 16px 16px 0; }
    :host(:state(nested)) section { background: none; border: 0; padding: 0; box-shadow: none; }
    .head { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; margin-block-end: 12px; } .head > div:first-of-type { min-inline-size: 0; }
    .title { font-size: 15px; font-weight: 650; overflow-wrap: anywhere; } .sub { color: var(--soft); } .actions { margin-inline-start: auto; display: flex; gap: 8px; flex-wrap: wrap; }
    .body { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); } [hidden] { display: none !important; }
    .foot { margin-block-start: 12px; }`;
  draw() {
    const level = Math.min(6, 2 + depthOf(this));
    if (level > 2) this.internals.states.add("nested");
    this.shadowRoot.innerHTML = `<section><div class=head><slot name=graphic></slot><div><div class=title role=heading aria-level=${level}></div><div class=sub></div></div>
      <slot name=accessory></slot><span class=actions><slot name=secondary-actions></slot><slot name=primary-action></slot></span></div>
      <div class=body><slot></slot></div><div class=foot><slot name=supplemental></slot></div></section>`;
    this.shutEmpty("supplemental", ".foot");
    this.shadowRoot.addEventListener("slotchange", () => this.headless());
  }
  headless() {
    this.$(".head").hidden =
      !this.attr("heading") &&
      !["graphic", "accessory", "secondary-actions", "primary-action"].some(
        (name) => this.$(`slot[name=${name}]`).assignedElements().length,
      );
  }
  update() {
    this.put(".title", this.attr("heading"));
    this.put(".sub", this.attr("subheading"));
    const name = this.attr("accessibilitylabel") || this.attr("heading");
    const section = this.$("section");
    if (name) section.setAttribute("aria-label", name);
    else section.removeAttribute("aria-label");
    this.headless();
  }
};
