/* Part 5: what is clicked (buttons, links, clickables) and what opens (modal, popover, menu, tooltip). */
const COMMANDS = {
  "--show": "showOverlay",
  "--hide": "hideOverlay",
  "--toggle": "toggleOverlay",
  "--auto": "toggleOverlay",
};
class Action extends Part {
  static focusInside = true;
  static tagCss = "";
  get form() {
    return this.closest("form");
  }
  get disabled() {
    return this.has("disabled");
  }
  set disabled(on) {
    this.toggleAttribute("disabled", !!on);
  }
  get loading() {
    return this.has("loading");
  }
  set loading(on) {
    this.toggleAttribute("loading", !!on);
  }
  content() {
    return "<slot></slot>";
  }
  draw() {
    const link = this.has("href");
    this.shadowRoot.innerHTML = `<${link ? "a" : "button type=button"} class=act part=act>${this.content()}</${link ? "a" : "button"}>`;
    this.isLink = link;
    this.$(".act").addEventListener("click", (event) => this.pressed(event));
  }
  pressed(event) {
    if (this.disabled || this.loading) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    // After the page's own listeners, so that preventDefault() on the element is respected.
    setTimeout(() => {
      if (event.defaultPrevented) return;
      const target = this.has("commandfor") && document.getElementById(this.attr("commandfor"));
      if (target) target[COMMANDS[this.attr("command", "--auto")]]?.(this);
      else if (this.attr("type") === "submit") this.form?.requestSubmit();
      else if (this.attr("type") === "reset") this.form?.reset();
    });
  }
  update() {
    if (this.has("href") !== this.isLink) this.draw();
    const act = this.$(".act");
    const idle = this.disabled || this.loading;
    if (this.isLink) {
      if (idle) act.removeAttribute("href");
      else act.setAttribute("href", this.attr("href"));
      if (idle) act.setAttribute("aria-disabled", "true");
      else act.removeAttribute("aria-disabled");
      for (const name of ["target", "download"])
        if (this.has(name) && this.attr(name) !== "auto") act.setAttribute(name, this.attr(name));
        else act.removeAttribute(name);
      if (this.attr("target") === "_blank") act.rel = "noopener";
    } else act.disabled = idle;
    if (this.loading) act.setAttribute("aria-busy", "true");
    else act.removeAttribute("aria-busy");
    if (this.has("accessibilitylabel")) act.setAttribute("aria-label", this.attr("accessibilitylabel"));
    else act.removeAttribute("aria-label");
    if (this.has("lang")) act.lang = this.attr("lang");
  }
}
const ACTIONS = [
  "href",
  "target",
  "download",
  "disabled",
  "loading",
  "accessibilitylabel",
  "lang",
  "type",
  "command",
  "commandfor",
  "interestfor",
];
const BUTTON_CSS = `:host { display: inline-flex; vertical-align: middle; max-inline-size: 100%; } :host([inlinesize=fill]) { display: flex; } :host([inlinesize=fill]) .act { inline-size: 100%; }
  .act { display: inline-flex; align-items: center; justify-content: center; gap: 6px; min-block-size: 34px; padding: 6px 14px; border: 1px solid #b9c1cc; border-radius: 7px; background: #fff; color: var(--ink);
    font: inherit; font-weight: 550; font-size: 13.5px; line-height: 1.35; text-decoration: none; cursor: pointer; }
  .act:hover { background: #f3f6f9; } .primary { background: var(--accent); border-color: var(--accent); color: #fff; } .primary:hover { background: var(--accent-dark); }
  .tertiary { border-color: transparent; background: none; color: var(--link); } .critical { color: var(--critical); } .primary.critical { background: var(--critical); border-color: var(--critical); color: #fff; }
  .act:disabled, .act[aria-disabled] { background: #eceff2; border-color: #dfe3e8; color: #687385; cursor: default; }
  .wheel { display: none; inline-size: 14px; block-size: 14px; border: 2px solid currentColor; border-inline-end-color: transparent; border-radius: 50%; animation: turn 0.9s linear infinite; }
  :host([loading]) .wheel { display: inline-block; } .mark:empty { display: none; } .mark { display: inline-flex; } @keyframes turn { to { transform: rotate(1turn); } }
  @media (prefers-reduced-motion: reduce) { .wheel { animation-duration: 4s; } }`;
names["s-button"] = class extends Action {
  static attrs = [...ACTIONS, "variant", "tone", "icon", "inlinesize"];
  static css = BUTTON_CSS;
  content() {
    return "<span class=wheel></span><span class=mark></span><slot></slot>";
  }
  update() {
    super.update();
    const variant = this.attr("variant", "auto");
    // "auto" follows the place, as the manifest says: a page's primary action is primary by itself.
    const primary =
      variant === "primary" || (variant === "auto" && this.slot === "primary-action" && !this.closest("s-section"));
    this.$(".act").className = `act ${primary ? "primary" : variant} ${this.attr("tone")}`;
    this.$(".mark").innerHTML = this.has("icon") ? iconSvg(this.attr("icon")) : "";
  }
};
names["s-press-button"] = class extends names["s-button"] {
  static attrs = [
    "tone",
    "icon",
    "variant",
    "disabled",
    "accessibilitylabel",
    "inlinesize",
    "loading",
    "lang",
    "pressed",
  ];
  get pressedState() {
    return this.has("pressed");
  }
  update() {
    super.update();
    this.$(".act").setAttribute("aria-pressed", String(this.pressedState));
  }
};
names["s-button-group"] = class extends Part {
  static attrs = ["gap", "accessibilitylabel"];
  static css = "div { display: flex; flex-wrap: wrap; gap: 8px; } :host { display: block; }";
  draw() {
    this.shadowRoot.innerHTML =
      "<div role=group><slot name=primary-action></slot><slot name=secondary-actions></slot><slot></slot></div>";
  }
  update() {
    if (this.has("accessibilitylabel")) this.$("div").setAttribute("aria-label", this.attr("accessibilitylabel"));
  }
};
names["s-link"] = class extends Action {
  static attrs = [
    "href",
    "target",
    "download",
    "tone",
    "accessibilitylabel",
    "lang",
    "command",
    "commandfor",
    "interestfor",
  ];
  static css = `:host { display: inline; } .act { font: inherit; color: var(--link); background: none; border: 0; padding: 0; text-decoration: underline; text-underline-offset: 2px; cursor: pointer; overflow-wrap: anywhere; text-align: start; }
    .act:hover { text-decoration-thickness: 2px; } :host([tone=neutral]) .act { color: inherit; } :host([tone=critical]) .act { color: var(--critical); }`;
};
names["s-clickable"] = class extends Action {
  static attrs = [...new Set([...BOX_ATTRS, ...ACTIONS])];
  static css = `:host { display: block; } .act { display: block; inline-size: 100%; font: inherit; color: inherit; background: none; border: 0; padding: 0; text-align: start; text-decoration: none; cursor: pointer; }`;
  update() {
    super.update();
    if (!this.disabled) Box.prototype.update.call(this);
    this.removeAttribute("aria-label");
  }
  extra() {
    return "";
  }
};
names["s-clickable-chip"] = class extends Action {
  static attrs = [
    "color",
    "accessibilitylabel",
    "removable",
    "href",
    "disabled",
    "command",
    "commandfor",
    "interestfor",
  ];
  static css = `:host { display: inline-flex; } .act { border: 1px solid var(--line-strong); border-radius: 999px; background: #fff; font: inherit; font-size: 12.5px; color: inherit; padding: 3px 11px; cursor: pointer; text-decoration: none; }`;
};

const CLOSE = () => `<button type=button class=close aria-label="${word("close")}">${iconSvg("x")}</button>`;
names["s-modal"] = class extends Part {
  static attrs = ["heading", "size", "padding", "accessibilitylabel"];
  static css = `:host { display: contents; } dialog { border: 0; border-radius: 12px; padding: 0; inline-size: min(560px, calc(100vw - 24px)); max-block-size: calc(100vh - 32px); color: inherit; background: var(--card); box-shadow: 0 20px 60px rgb(15 23 42 / 35%); }
    dialog::backdrop { background: rgb(15 23 42 / 45%); } :host([size^=small]) dialog { inline-size: min(400px, calc(100vw - 24px)); } :host([size^=large]) dialog { inline-size: min(860px, calc(100vw - 24px)); }
    header { display: flex; gap: 12px; align-items: center; padding: 14px 16px; border-block-end: 1px solid var(--line); background: #f7f8fa; } h2 { font-size: 15px; margin: 0; flex: 1; }
    .close { border: 0; background: none; padding: 6px; border-radius: 6px; cursor: pointer; color: var(--soft); display: inline-flex; } .body { padding: 16px; display: grid; gap: 12px; overflow: auto; } :host([padding=none]) .body { padding: 0; }
    footer { display: flex; flex-wrap: wrap; gap: 8px; justify-content: flex-end; padding: 12px 16px; border-block-start: 1px solid var(--line); } footer[hidden] { display: none; }`;
  draw() {
    this.shadowRoot.innerHTML = `<dialog aria-labelledby=head><header><h2 id=head></h2>${CLOSE()}</header><div class=body><slot></slot></div>
      <footer><slot name=secondary-actions></slot><slot name=primary-action></slot></footer></dialog>`;
    this.$(".close").addEventListener("click", () => this.hideOverlay());
    this.$("dialog").addEventListener("close", () => {
      this.emit("hide");
      this.emit("afterhide");
    });
    this.shadowRoot.addEventListener("slotchange", () => {
      this.$("footer").hidden = !this.querySelector(":scope > [slot$=-action], :scope > [slot$=-actions]");
    });
  }
  update() {
    this.$("h2").textContent = this.attr("heading");
    const dialog = this.$("dialog");
    if (this.has("accessibilitylabel")) {
      dialog.setAttribute("aria-label", this.attr("accessibilitylabel"));
      dialog.removeAttribute("aria-labelledby");
    }
  }
  showOverlay() {
    if (!this.$("dialog").open) {
      this.emit("show");
      this.$("dialog").showModal();
      this.emit("aftershow");
    }
  }
  hideOverlay() {
    this.$("dialog").close();
  }
  toggleOverlay() {
    if (this.$("dialog").open) this.hideOverlay();
    else this.showOverlay();
  }
};
class Floating extends Part {
  static css = `:host { display: contents; } .panel { position: fixed; inset: auto; margin: 0; border: 1px solid var(--line); border-radius: 10px; background: var(--card); color: inherit; padding: 8px; box-shadow: 0 8px 28px rgb(15 23 42 / 18%); max-inline-size: min(360px, calc(100vw - 24px)); }
    .panel:popover-open { display: flex; flex-direction: column; gap: 4px; align-items: stretch; }`;
  draw() {
    this.shadowRoot.innerHTML = "<div class=panel popover><slot></slot></div>";
    this.$(".panel").addEventListener("toggle", (event) =>
      this.emit(event.newState === "open" ? "aftershow" : "afterhide"),
    );
    this.addEventListener("click", (event) => {
      if (this.closes && event.target !== this) this.hideOverlay();
    });
  }
  showOverlay(near) {
    const panel = this.$(".panel");
    this.emit("show");
    panel.showPopover();
    if (!near) return;
    const at = near.getBoundingClientRect();
    const room = panel.getBoundingClientRect();
    panel.style.top = `${Math.min(at.bottom + 6, innerHeight - room.height - 8)}px`;
    panel.style.left = `${Math.max(12, Math.min(at.left, innerWidth - room.width - 12))}px`;
  }
  hideOverlay() {
    this.emit("hide");
    this.$(".panel").hidePopover();
  }
  toggleOverlay(near) {
    if (this.$(".panel").matches(":popover-open")) this.hideOverlay();
    else this.showOverlay(near);
  }
}
names["s-popover"] = class extends Floating {
  static attrs = ["blocksize", "inlinesize", "maxblocksize", "maxinlinesize", "minblocksize", "mininlinesize"];
};
names["s-menu"] = class extends Floating {
  static attrs = ["accessibilitylabel"];
  closes = true;
  update() {
    const panel = this.$(".panel");
    panel.setAttribute("role", "group");
    if (this.has("accessibilitylabel")) panel.setAttribute("aria-label", this.attr("accessibilitylabel"));
  }
};
names["s-tooltip"] = class extends Floating {
  update() {
    this.$(".panel").popover = "manual";
    this.$(".panel").setAttribute("role", "tooltip");
  }
};
for (const [type, method] of [
  ["mouseover", "showOverlay"],
  ["focusin", "showOverlay"],
  ["mouseout", "hideOverlay"],
  ["focusout", "hideOverlay"],
]) {
  document.addEventListener(type, (event) => {
    const near = event.target.closest?.("[interestfor]");
    const tip = near && document.getElementById(near.getAttribute("interestfor"));
    if (tip?.localName === "s-tooltip" && tip.$(".panel").matches(":popover-open") === (method === "hideOverlay"))
      tip[method](near);
  });
}
