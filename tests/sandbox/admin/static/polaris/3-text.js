/* Part 3: words, marks and lists (text, paragraph, heading, badge, chip, icon, number, lists, images). */
const TONE_INK = `:host([tone=info]) { color: var(--info-ink); } :host([tone=success]) { color: var(--success-ink); } :host([tone=warning]), :host([tone=caution]) { color: var(--warning-ink); }
  :host([tone=critical]) { color: var(--critical); } :host([color=subdued]) { color: var(--soft); }`;
const TYPE = `:host([fontsize=small]), :host([fontsize=small-100]) { font-size: 12.5px; } :host([fontsize=small-200]) { font-size: 12px; } :host([fontsize=large]) { font-size: 17px; }
  :host([fontsize=large-100]) { font-size: 20px; } :host([fontsize=large-200]) { font-size: 24px; } :host([fontsize=large-300]) { font-size: 28px; } :host([fontsize=large-400]) { font-size: 34px; }
  :host([fontweight=medium]) { font-weight: 550; } :host([fontweight=semibold]) { font-weight: 650; } :host([fontweight=bold]) { font-weight: 700; } :host([fontvariantnumeric=tabular-nums]) { font-variant-numeric: tabular-nums; }`;
const UNSEEN =
  ":host([accessibilityvisibility=exclusive]) { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }";
const TEXT_ATTRS = ["color", "tone", "fontsize", "fontweight", "fontvariantnumeric", "accessibilityvisibility", "dir"];
class Words extends Part {
  update() {
    if (this.attr("accessibilityvisibility") === "hidden") this.setAttribute("aria-hidden", "true");
    if (this.has("lineclamp"))
      this.own.replaceSync(
        `:host { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: ${Number(this.attr("lineclamp")) || 1}; overflow: hidden; }`,
      );
  }
}
names["s-text"] = class extends Words {
  static attrs = [...TEXT_ATTRS, "type", "interestfor"];
  static css = `:host { display: inline; font-size: inherit; line-height: inherit; font-weight: inherit; color: inherit; overflow-wrap: anywhere; } ${TONE_INK} ${TYPE} ${UNSEEN}
    :host([type=strong]) { font-weight: 650; } :host([type=redundant]) { text-decoration: line-through; }`;
};
names["s-number"] = class extends Words {
  static attrs = TEXT_ATTRS.filter((name) => name !== "fontvariantnumeric");
  static css = `:host { display: inline; font-size: inherit; font-weight: inherit; color: inherit; font-variant-numeric: tabular-nums; white-space: nowrap; } ${TONE_INK} ${TYPE} ${UNSEEN}`;
};
names["s-paragraph"] = class extends Words {
  static attrs = [...TEXT_ATTRS, "lineclamp"];
  static css = `:host { display: block; overflow-wrap: anywhere; } ${TONE_INK} ${TYPE} ${UNSEEN}`;
};
names["s-heading"] = class extends Words {
  static attrs = ["fontsize", "accessibilityrole", "accessibilityvisibility", "lineclamp"];
  static css = `:host { display: block; font-weight: 650; font-size: 14px; overflow-wrap: anywhere; } ${TYPE} ${UNSEEN}`;
  draw() {
    const plain = ["presentation", "none"].includes(this.attr("accessibilityrole"));
    this.shadowRoot.innerHTML = plain
      ? "<slot></slot>"
      : `<div role=heading aria-level=${Math.min(6, 2 + depthOf(this))}><slot></slot></div>`;
  }
};
const PILL = `span.pill { display: inline-flex; align-items: center; gap: 4px; border-radius: 999px; padding: 1px 9px; font-size: 12px; line-height: 18px; font-weight: 550; background: var(--neutral-soft);
  color: var(--neutral-ink); white-space: nowrap; max-inline-size: 100%; }`;
names["s-badge"] = class extends Part {
  static attrs = ["tone", "color", "icon", "size"];
  static css = `:host { display: inline-flex; vertical-align: middle; max-inline-size: 100%; } ${PILL}
    ${TONES.map((tone) => `:host([tone=${tone}]) .pill { background: var(--${tone}-soft); color: var(--${tone}-ink); }`).join("")} :host([tone=caution]) .pill { background: var(--warning-soft); color: var(--warning-ink); }
    :host([size^=large]) .pill { font-size: 13px; line-height: 22px; padding-inline: 11px; }`;
  draw() {
    this.shadowRoot.innerHTML = "<span class=pill><span class=mark></span><slot></slot></span>";
  }
  update() {
    this.$(".mark").innerHTML = this.has("icon") ? iconSvg(this.attr("icon"), 14) : "";
    this.$(".mark").hidden = !this.has("icon");
  }
};
names["s-chip"] = class extends Part {
  static attrs = ["color", "accessibilitylabel", "removable"];
  static css = `:host { display: inline-flex; } ${PILL} button { border: 0; background: none; font: inherit; color: inherit; padding: 0 2px; cursor: pointer; }`;
  draw() {
    this.shadowRoot.innerHTML =
      "<span class=pill><slot name=graphic></slot><slot></slot><button type=button hidden>×</button></span>";
    this.$("button").addEventListener("click", () => this.emit("remove"));
  }
  update() {
    const button = this.$("button");
    button.hidden = !this.has("removable");
    button.setAttribute(
      "aria-label",
      `${word("remove")} ${this.attr("accessibilitylabel") || this.textContent.trim()}`,
    );
  }
};

/* A few signs of our own drawing; a name that is not among them is shown as a small ring. */
const SHAPES = {
  plus: "M8 3v10M3 8h10",
  x: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.5 3.5L13 4.5",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9M10.5 10.5L14 14",
  "check-circle": "M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 0 0 0-12.4M5 8.2l2.2 2.2L11 6.4",
  "alert-triangle": "M8 2L14.5 13.5H1.5zM8 6.5v3M8 11.4v.4",
  "alert-circle": "M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 0 0 0-12.4M8 4.8v4M8 11v.4",
  info: "M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 0 0 0-12.4M8 7.2v4M8 4.8v.4",
  refresh: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  external: "M9 3h4v4M13 3L7.5 8.5M11 9v4H3V5h4",
  "arrow-left": "M13 8H3M7 4L3 8l4 4",
  "arrow-right": "M3 8h10M9 4l4 4l-4 4",
  "chevron-right": "M6 3l5 5l-5 5",
  "chevron-left": "M10 3L5 8l5 5",
  "chevron-down": "M3 6l5 5l5-5",
  delete: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.7 9h5.6l.7-9",
  edit: "M3 13l.6-3L11 2.6L13.4 5L6 12.4z",
  view: "M1.5 8C3 5 5.3 3.8 8 3.800S13 5 14.5 8C13 11 10.7 12.2 8 12.200S3 11 1.5 8zM8 6.300a1.7 1.7 0 1 0 0 3.400a1.7 1.7 0 0 0 0-3.4",
  clock: "M8 1.8a6.2 6.2 0 1 0 0 12.400a6.2 6.2 0 0 0 0-12.400M8 4.500V8l2.5 1.5",
  "menu-horizontal": "M3.5 8h.4M7.8 8h.4M12.1 8h.4",
  duplicate: "M5.5 5.500h8v8h-8zM10.5 5.500v-3h-8v8h3",
  clipboard: "M5.5 3.500h-2v10h9v-10h-2M6 2.500h4v2.500h-4z",
  calendar: "M2.5 4h11v9.500h-11zM2.5 7h11M5.5 2.500V5M10.5 2.500V5",
  email: "M2 3.800h12v8.400H2zM2 4.500l6 4.500l6-4.5",
  link: "M6.5 9.500l3-3M7 4.500l1.5-1.500a3 3 0 0 1 4.5 4.500L11.5 9M9 11.500L7.5 13A3 3 0 0 1 3 8.500L4.5 7",
  order: "M3 2.500h10v11l-2-1.300l-1.5 1.300l-1.5-1.300l-1.5 1.300l-1.5-1.300l-2 1.300zM5.5 6h5M5.5 9h5",
};
const iconSvg = (
  name,
  size = 16,
) => `<svg width=${size} height=${size} viewBox="0 0 16 16" fill=none stroke=currentColor stroke-width=1.5 stroke-linecap=round stroke-linejoin=round aria-hidden=true>
  <path d="${SHAPES[name] ?? SHAPES[name.replace(/-(filled|icon)$/, "")] ?? "M8 4.500a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7"}"></path></svg>`;
names["s-icon"] = class extends Part {
  static attrs = ["type", "tone", "color", "size", "interestfor"];
  static css = `:host { display: inline-flex; vertical-align: middle; } ${TONE_INK}`;
  update() {
    this.shadowRoot.innerHTML = iconSvg(this.attr("type"), this.attr("size") === "small" ? 14 : 18);
  }
};

const listOf = (ordered) =>
  class extends Part {
    static css = `:host { display: block; padding-inline-start: 20px; list-style: ${ordered ? "decimal" : "disc"}; }`;
    /** The browser counts on from the list before, because the items' numbers pass the border of a shadow root. */
    draw() {
      this.shadowRoot.innerHTML = "<slot></slot>";
      const number = () =>
        [...this.children].forEach((item, at) => (item.style.counterSet = `list-item ${at + 1}`));
      if (ordered) this.shadowRoot.firstChild.addEventListener("slotchange", number);
    }
    update() {
      this.setAttribute("role", "list");
    }
  };
names["s-unordered-list"] = listOf(false);
names["s-ordered-list"] = listOf(true);
names["s-list-item"] = class extends Part {
  static css = ":host { display: list-item; margin-block: 2px; overflow-wrap: anywhere; }";
  update() {
    this.setAttribute("role", "listitem");
  }
};
const pictureOf = (size) =>
  class extends Part {
    static attrs = ["src", "alt", "size"];
    static css = `:host { display: inline-block; } img, div { inline-size: ${size}px; block-size: ${size}px; object-fit: cover; border: 1px solid var(--line); border-radius: 8px; background: #f7f8fa; display: block; }`;
    update() {
      const made = this.has("src")
        ? Object.assign(new Image(), { src: this.attr("src"), alt: this.attr("alt") })
        : document.createElement("div");
      this.shadowRoot.replaceChildren(made);
    }
  };
names["s-thumbnail"] = pictureOf(40);
names["s-avatar"] = class extends pictureOf(32) {
  static attrs = ["src", "alt", "size", "initials"];
};
names["s-image"] = class extends Part {
  static attrs = ["src", "alt", "loading", "aspectratio", "objectfit", "inlinesize", "accessibilityrole"];
  static css =
    ":host { display: block; } img { max-inline-size: 100%; inline-size: 100%; display: block; border-radius: 6px; }";
  update() {
    this.shadowRoot.replaceChildren(
      Object.assign(new Image(), {
        src: this.attr("src"),
        alt: this.attr("alt"),
        loading: this.attr("loading", "eager"),
      }),
    );
  }
};
