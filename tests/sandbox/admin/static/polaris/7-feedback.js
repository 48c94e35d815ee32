/* Part 7: feedback (banner, empty state, progress, spinner) and the registration of all elements. */
names["s-banner"] = class extends Part {
  static attrs = ["tone", "heading", "dismissible"];
  static css = `:host { display: block; } .banner { --edge: var(--info); display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 4px 10px; border: 1px solid var(--line); border-inline-start: 4px solid var(--edge); border-radius: var(--radius); padding: 12px 14px; background: var(--info-soft); }
    ${TONES.map((tone) => `:host([tone=${tone}]) .banner { --edge: var(--${tone}); background: var(--${tone}-soft); }`).join("")}
    .mark { color: var(--edge); padding-block-start: 1px; } .head { font-weight: 650; overflow-wrap: anywhere; } .body { display: grid; gap: 6px; overflow-wrap: anywhere; } .actions { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 8px; }
    .close { border: 0; background: none; padding: 4px; border-radius: 6px; color: var(--soft); cursor: pointer; display: inline-flex; align-self: start; } [hidden] { display: none !important; }`;
  draw() {
    this.shadowRoot.innerHTML = `<div class=banner><span class=mark></span><div class=body><div class=head id=head></div><div class=text><slot></slot></div><div class=actions><slot name=secondary-actions></slot></div></div>
      <button type=button class=close aria-label="${word("dismiss")}">${iconSvg("x")}</button></div>`;
    this.shutEmpty("", ".text");
    this.shutEmpty("secondary-actions", ".actions");
    // Neither event bubbles: whoever wants them listens in the capture phase.
    this.$(".close").addEventListener("click", () => {
      this.emit("dismiss");
      this.hidden = true;
      this.emit("afterhide");
    });
  }
  update() {
    const tone = this.attr("tone", "info");
    this.put(".head", this.attr("heading"));
    this.$(".close").hidden = !this.has("dismissible");
    this.$(".mark").innerHTML = iconSvg(
      { success: "check-circle", warning: "alert-triangle", critical: "alert-circle" }[tone] ?? "info",
      18,
    );
    this.$(".banner").setAttribute("role", tone === "critical" ? "alert" : "status");
  }
};
names["s-empty-state"] = class extends Part {
  static attrs = ["heading"];
  static css = `:host { display: block; text-align: center; padding: 28px 16px; } .box { display: grid; gap: 8px; justify-items: center; max-inline-size: 420px; margin: 0 auto; } .title { font-size: 16px; font-weight: 650; } .sub { color: var(--soft); }
    .actions { display: flex; flex-wrap: wrap; gap: 8px; justify-content: center; margin-block-start: 8px; } [hidden] { display: none !important; }`;
  draw() {
    this.shadowRoot.innerHTML = `<div class=box><div class=pic><slot name=graphic></slot></div><div class=title role=heading aria-level=${this.closest("s-section[heading]") ? 3 : 2}></div><div class=sub><slot name=subheading></slot></div>
      <div class=actions><slot name=secondary-actions></slot><slot name=primary-action></slot></div></div>`;
    this.shutEmpty("graphic", ".pic");
  }
  update() {
    this.put(".title", this.attr("heading"));
  }
};
names["s-progress"] = class extends Part {
  static attrs = ["accessibilitylabel", "max", "tone", "value"];
  static css = `:host { display: block; } .bar { --fill: var(--accent); block-size: 8px; border-radius: 4px; background: var(--neutral-soft); overflow: hidden; } .fill { block-size: 100%; border-radius: 4px; background: var(--fill); }
    ${TONES.map((tone) => `:host([tone=${tone}]) .bar { --fill: var(--${tone}); }`).join("")} :host([tone=caution]) .bar { --fill: var(--warning); }`;
  draw() {
    this.shadowRoot.innerHTML = "<div class=bar role=progressbar aria-valuemin=0><div class=fill></div></div>";
  }
  update() {
    const max = Number(this.attr("max", "1")) || 1;
    const value = Math.min(Number(this.attr("value", "0")) || 0, max);
    const bar = this.$(".bar");
    bar.setAttribute("aria-valuemax", String(max));
    if (this.has("value")) bar.setAttribute("aria-valuenow", String(value));
    bar.setAttribute("aria-label", this.attr("accessibilitylabel") || word("loading"));
    this.own.replaceSync(`.fill { inline-size: ${(100 * value) / max}%; }`);
  }
};
names["s-spinner"] = class extends Part {
  static attrs = ["accessibilitylabel", "size"];
  static css = `:host { display: inline-flex; vertical-align: middle; } .wheel { inline-size: 20px; block-size: 20px; border: 3px solid var(--neutral-soft); border-block-start-color: var(--accent); border-radius: 50%; animation: turn 1s linear infinite; }
    :host([size^=large]) .wheel { inline-size: 40px; block-size: 40px; } @keyframes turn { to { transform: rotate(1turn); } } @media (prefers-reduced-motion: reduce) { .wheel { animation-duration: 4s; } }`;
  draw() {
    this.shadowRoot.innerHTML = "<div class=wheel role=img></div>";
  }
  update() {
    this.$(".wheel").setAttribute("aria-label", this.attr("accessibilitylabel") || word("loading"));
  }
};

/* Camel-case properties for the lower-case attributes, and registration. A second run in the same window (after a bounce) registers nothing. */
for (const [name, kind] of Object.entries(names)) {
  if (customElements.get(name)) continue;
  for (const attr of kind.attrs) {
    if (attr in kind.prototype) continue;
    Object.defineProperty(kind.prototype, attr, {
      configurable: true,
      get() {
        return this.getAttribute(attr);
      },
      set(value) {
        if (value === false || value == null) this.removeAttribute(attr);
        else this.setAttribute(attr, value === true ? "" : value);
      },
    });
  }
  customElements.define(name, kind);
}
