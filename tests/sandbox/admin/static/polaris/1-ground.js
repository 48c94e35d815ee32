/* Stand-in for Polaris web components, part 1: the ground every element stands on (drawing, look, sizes, container queries).
   Our own neutral look on purpose: it proves the contract (tags, attributes, slots, form behaviour), not Shopify's pixels.
   It must offer nothing that the manifest of @shopify/polaris-types lacks; no inline style attributes, so a strict CSP holds. */
"use strict";
const sheet = (css) => {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
};
const LOOK = sheet(`
  :host { --ink: #1f2a37; --soft: #566273; --line: #dfe3e8; --line-strong: #8b96a5; --card: #fff; --ground: #f3f5f7;
    --accent: #23527c; --accent-dark: #183c5c; --link: #1d5c96; --focus: #2f7fd1; --radius: 10px;
    --critical: #b3261e; --critical-soft: #fdeceb; --critical-ink: #7d1a14; --warning: #b7791f; --warning-soft: #fef5e0; --warning-ink: #6b4600;
    --success: #2f7d4f; --success-soft: #e5f4ea; --success-ink: #1d5434; --info: #2d6da3; --info-soft: #e8f1fa; --info-ink: #1c4a74;
    --neutral-soft: #e9ecf0; --neutral-ink: #3c4756;
    font: 14px/1.45 Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; color: var(--ink); box-sizing: border-box; }
  :host([hidden]) { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
  .unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`);
const WORDS = {
  en: {
    dismiss: "Dismiss",
    close: "Close",
    previous: "Previous",
    next: "Next",
    loading: "Loading",
    remove: "Remove",
    pages: "Pages",
  },
  de: {
    dismiss: "Ausblenden",
    close: "Schließen",
    previous: "Zurück",
    next: "Weiter",
    loading: "Lädt",
    remove: "Entfernen",
    pages: "Seiten",
  },
};
const word = (name) => (WORDS[document.documentElement.lang.slice(0, 2)] || WORDS.en)[name];
const SPACE = {
  none: "0",
  "small-500": "1px",
  "small-400": "2px",
  "small-300": "4px",
  "small-200": "8px",
  "small-100": "12px",
  small: "12px",
  base: "16px",
  large: "20px",
  "large-100": "20px",
  "large-200": "24px",
  "large-300": "32px",
  "large-400": "40px",
  "large-500": "48px",
};
const TONES = ["info", "success", "warning", "critical"];

class Part extends HTMLElement {
  static attrs = [];
  static css = "";
  static focusInside = false;
  static get observedAttributes() {
    return this.attrs;
  }
  constructor() {
    super();
    this.internals = this.attachInternals();
    const root = this.attachShadow({
      mode: "open",
      delegatesFocus: this.constructor.focusInside,
      slotAssignment: this.constructor.manual ? "manual" : "named",
    });
    this.own = new CSSStyleSheet();
    const kind = this.constructor;
    if (!Object.hasOwn(kind, "sheet")) kind.sheet = sheet(kind.css);
    root.adoptedStyleSheets = [LOOK, kind.sheet, this.own];
  }
  connectedCallback() {
    if (!this.drawn) {
      this.drawn = true;
      this.draw();
    }
    this.update();
  }
  attributeChangedCallback(name, before, after) {
    if (this.drawn && before !== after) this.update(name);
  }
  draw() {
    this.shadowRoot.innerHTML = "<slot></slot>";
  }
  update() {}
  $(selector) {
    return this.shadowRoot.querySelector(selector);
  }
  attr(name, fallback = "") {
    return this.getAttribute(name) ?? fallback;
  }
  has(name) {
    return this.hasAttribute(name);
  }
  emit(type, options = {}) {
    return this.dispatchEvent(new Event(type, options));
  }
  /** Text into a part of the shadow tree; an empty one takes no room. */
  put(selector, text) {
    const node = this.$(selector);
    if (node) {
      node.textContent = text;
      node.hidden = !text;
    }
  }
  /** Hides the wrapper of a slot while nothing is in it. Children come after the start tag, so it listens. */
  shutEmpty(slotName, wrapper) {
    const slot = this.$(slotName ? `slot[name="${slotName}"]` : "slot:not([name])");
    const look = () => {
      this.$(wrapper).hidden = !slot.assignedNodes().some((node) => node.nodeType === 1 || node.textContent.trim());
    };
    slot.addEventListener("slotchange", look);
    look();
  }
}

/** "@container name (inline-size > 500px) wide, narrow" or a plain value -> CSS for one property of :host. */
function responsive(property, value, translate = (text) => text) {
  const match = /^@container\s*([\w-]*)\s*(\([^)]*\))\s*(.*)$/s.exec(value.trim());
  if (!match) return `:host { ${property}: ${translate(value.trim())}; }`;
  const [, name, condition, rest] = match;
  let depth = 0;
  const comma = [...rest].findIndex((sign) => {
    depth += (sign === "(") - (sign === ")");
    return sign === "," && !depth;
  });
  const [then, otherwise] = comma < 0 ? [rest, ""] : [rest.slice(0, comma).trim(), rest.slice(comma + 1).trim()];
  return `${otherwise ? `:host { ${property}: ${translate(otherwise)}; }` : ""} @container ${name} ${condition} { :host { ${property}: ${translate(then)}; } }`;
}
const spaces = (text) =>
  text
    .split(/\s+/)
    .map((key) => SPACE[key] ?? "0")
    .join(" ");
const RADII = {
  none: "0",
  "small-200": "2px",
  "small-100": "4px",
  small: "6px",
  base: "8px",
  large: "12px",
  "large-100": "16px",
  "large-200": "20px",
};
const LINES = { base: "var(--line)", subdued: "#eceff2", strong: "var(--line-strong)" };
const WIDTHS = { none: "0", small: "1px", "small-100": "1px", base: "1px", large: "2px", "large-100": "3px" };
const GROUNDS = { base: "var(--card)", subdued: "#f7f8fa", strong: "var(--neutral-soft)", transparent: "transparent" };
const BOX_ATTRS = [
  "background",
  "border",
  "borderwidth",
  "borderstyle",
  "bordercolor",
  "borderradius",
  "padding",
  "paddingblock",
  "paddingblockstart",
  "paddingblockend",
  "paddinginline",
  "paddinginlinestart",
  "paddinginlineend",
  "display",
  "blocksize",
  "minblocksize",
  "maxblocksize",
  "inlinesize",
  "mininlinesize",
  "maxinlinesize",
  "overflow",
  "accessibilityrole",
  "accessibilitylabel",
  "accessibilityvisibility",
];
const BOX_CSS = {
  background: ["background", (v) => GROUNDS[v]],
  bordercolor: ["border-color", (v) => LINES[v]],
  borderstyle: ["border-style"],
  borderwidth: [
    "border-width",
    (v) =>
      v
        .split(/\s+/)
        .map((key) => WIDTHS[key] ?? "0")
        .join(" "),
  ],
  borderradius: [
    "border-radius",
    (v) =>
      v
        .split(/\s+/)
        .map((key) => RADII[key] ?? "0")
        .join(" "),
  ],
  padding: ["padding", spaces],
  paddingblock: ["padding-block", spaces],
  paddingblockstart: ["padding-block-start", spaces],
  paddingblockend: ["padding-block-end", spaces],
  paddinginline: ["padding-inline", spaces],
  paddinginlinestart: ["padding-inline-start", spaces],
  paddinginlineend: ["padding-inline-end", spaces],
  display: ["display", (v) => (v === "none" ? "none" : "revert-layer")],
  blocksize: ["block-size"],
  minblocksize: ["min-block-size"],
  maxblocksize: ["max-block-size"],
  inlinesize: ["inline-size"],
  mininlinesize: ["min-inline-size"],
  maxinlinesize: ["max-inline-size"],
  overflow: ["overflow"],
};
const ROLES = {
  "ordered-list": "list",
  "unordered-list": "list",
  "list-item": "listitem",
  section: "region",
  header: "banner",
  footer: "contentinfo",
  aside: "complementary",
  generic: null,
  presentation: "presentation",
  none: "none",
};

class Box extends Part {
  static attrs = BOX_ATTRS;
  static css = ":host { display: block; min-inline-size: 0; }";
  extra() {
    return "";
  }
  update() {
    const rules = [];
    if (this.has("border")) {
      const [width = "base", color = "base", style = "solid"] = this.attr("border").split(/\s+/).filter(Boolean);
      rules.push(`:host { border: ${WIDTHS[width] ?? "0"} ${style} ${LINES[color] ?? LINES.base}; }`);
    }
    for (const [name, [property, translate]] of Object.entries(BOX_CSS)) {
      if (!this.has(name) || (name === "display" && this.attr(name) === "auto")) continue;
      if (name.endsWith("size") && this.attr(name) === "none") continue;
      rules.push(responsive(property, this.attr(name), translate));
    }
    this.own.replaceSync(rules.join("\n") + this.extra());
    const role = this.attr("accessibilityrole");
    if (role) {
      const real = role in ROLES ? ROLES[role] : role;
      if (real) this.setAttribute("role", real);
    }
    if (this.has("accessibilitylabel")) this.setAttribute("aria-label", this.attr("accessibilitylabel"));
    if (this.attr("accessibilityvisibility") === "hidden") this.setAttribute("aria-hidden", "true");
  }
}
const names = {};
