/* Part 4: form-associated fields. They take part in FormData, submit and reset; `required` adds meaning only, errors come from the server by `error`. */
const FIELD_CSS = `:host { display: block; min-inline-size: 0; }
  label, legend { display: block; font-weight: 500; font-size: 13px; margin-block-end: 5px; padding: 0; } .details { color: var(--soft); font-size: 12.5px; margin-block-start: 5px; }
  .error { color: var(--critical); font-size: 13px; margin-block-start: 5px; display: flex; gap: 6px; align-items: center; } .error[hidden], .details[hidden] { display: none; }
  .frame { display: flex; align-items: center; border: 1px solid var(--line-strong); border-radius: 7px; background: #fff; min-block-size: 36px; overflow: hidden; }
  .frame:focus-within { outline: 2px solid var(--focus); outline-offset: 1px; } :host([error]:not([error=""])) .frame { border-color: var(--critical); background: #fff8f7; }
  input, select, textarea { flex: 1; min-inline-size: 0; inline-size: 100%; border: 0; background: none; font: inherit; color: inherit; padding: 7px 10px; outline: none; }
  textarea { resize: vertical; } .affix { color: var(--soft); padding-inline: 10px; white-space: nowrap; } .affix[hidden] { display: none; } input:disabled, select:disabled, textarea:disabled { color: #687385; background: #f3f5f7; }
  .required { color: var(--critical); } .frame slot[name=accessory]::slotted(*) { margin-inline-end: 4px; }`;
const COMMON = ["label", "labelaccessibilityvisibility", "details", "error", "required", "disabled"];

class Field extends Part {
  static formAssociated = true;
  static focusInside = true;
  static attrs = [...COMMON, "value"];
  static css = FIELD_CSS;
  get name() {
    return this.attr("name");
  }
  set name(text) {
    this.setAttribute("name", text);
  }
  get form() {
    return this.internals.form;
  }
  get defaultValue() {
    return this.attr("value");
  }
  set defaultValue(text) {
    this.setAttribute("value", text);
  }
  get value() {
    return this.typed ?? this.defaultValue;
  }
  set value(text) {
    this.typed = String(text ?? "");
    this.show();
  }
  get error() {
    return this.attr("error");
  }
  set error(text) {
    if (text) this.setAttribute("error", text);
    else this.removeAttribute("error");
  }
  get disabled() {
    return this.has("disabled");
  }
  set disabled(on) {
    this.toggleAttribute("disabled", !!on);
  }
  inner() {
    return this.$("input, select, textarea");
  }
  send() {
    this.internals.setFormValue(this.value);
  }
  /** Puts the value into the inner control and the form. */
  show() {
    const inner = this.inner();
    if (inner && inner.value !== this.value) inner.value = this.value;
    this.send();
  }
  /** Inner input events are composed; change events are not, so they are made again for the page to hear. */
  listen(read) {
    const take = (event) => {
      read(event);
      this.send();
    };
    this.shadowRoot.addEventListener("input", take);
    this.shadowRoot.addEventListener("change", (event) => {
      take(event);
      this.emit("change", { bubbles: true, composed: true });
    });
  }
  formResetCallback() {
    this.typed = undefined;
    this.show();
  }
  formDisabledCallback() {
    if (this.drawn) this.update();
  }
  frame(control) {
    this.shadowRoot.innerHTML = `<label for=control></label><div class=frame>${control}</div><div class=details id=details><span></span><slot name=details></slot></div>
      <div class=error id=error><span class=sign></span><span class=words></span><slot name=error></slot></div>`;
    this.$(".sign").innerHTML = iconSvg("alert-circle", 15);
  }
  /** Label, details, error: the same for every kind of field. */
  dress(inner = this.inner()) {
    const label = this.$("label, legend");
    label.textContent = this.attr("label");
    label.classList.toggle("unseen", this.attr("labelaccessibilityvisibility") === "exclusive");
    this.$(".details span").textContent = this.attr("details");
    this.$(".details").hidden = !this.attr("details") && !this.querySelector(":scope > [slot=details]");
    this.$(".error .words").textContent = this.attr("error");
    this.$(".error").hidden = !this.attr("error") && !this.querySelector(":scope > [slot=error]");
    const described = ["details", "error"].filter((id) => !this.$(`#${id}`).hidden).join(" ");
    if (described) inner.setAttribute("aria-describedby", described);
    else inner.removeAttribute("aria-describedby");
    if (this.attr("error")) inner.setAttribute("aria-invalid", "true");
    else inner.removeAttribute("aria-invalid");
    if ("disabled" in inner) inner.disabled = this.disabled || this.matches(":disabled");
    if (this.has("required")) inner.setAttribute("aria-required", "true");
    else inner.removeAttribute("aria-required");
  }
  update() {
    this.dress();
    this.show();
  }
}

const LENGTHS = ["maxlength", "minlength"];
const textField = (type, extra = []) =>
  class extends Field {
    static attrs = [...COMMON, "value", "placeholder", "readonly", "autocomplete", ...extra];
    draw() {
      this.frame(
        `<span class=affix></span><input id=control type=${type}><span class="affix after"></span>${extra.includes("suffix") && type === "text" ? "<slot name=accessory></slot>" : ""}`,
      );
      this.listen(() => {
        this.typed = this.inner().value;
      });
      this.inner().addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.isComposing) this.form?.requestSubmit();
      });
      for (const kind of ["focus", "blur"]) this.inner().addEventListener(kind, () => this.emit(kind));
    }
    update() {
      const inner = this.inner();
      for (const name of this.constructor.attrs.filter((item) =>
        [
          "placeholder",
          "readonly",
          "autocomplete",
          "maxlength",
          "minlength",
          "min",
          "max",
          "step",
          "inputmode",
        ].includes(item),
      )) {
        if (this.has(name)) inner.setAttribute(name, this.attr(name));
        else inner.removeAttribute(name);
      }
      const [before, after] = this.shadowRoot.querySelectorAll(".affix");
      for (const [node, text] of [
        [before, this.attr("prefix") || this.attr("currencycode")],
        [after, this.attr("suffix")],
      ]) {
        node.textContent = text;
        node.hidden = !text;
      }
      super.update();
    }
  };
names["s-text-field"] = textField("text", [...LENGTHS, "icon", "prefix", "suffix"]);
names["s-email-field"] = textField("email", LENGTHS);
names["s-password-field"] = textField("password", LENGTHS);
names["s-search-field"] = textField("search", LENGTHS);
names["s-url-field"] = textField("url", LENGTHS);
names["s-number-field"] = textField("number", ["inputmode", "min", "max", "step", "prefix", "suffix"]);
names["s-money-field"] = textField("text", ["min", "max", "currencycode"]);
names["s-date-field"] = textField("date", ["allow", "disallow", "allowdays", "disallowdays", "view"]);
names["s-text-area"] = class extends Field {
  static attrs = [...COMMON, "value", "placeholder", "readonly", "autocomplete", "rows", ...LENGTHS];
  draw() {
    this.frame("<textarea id=control></textarea>");
    this.listen(() => {
      this.typed = this.inner().value;
    });
  }
  update() {
    for (const name of ["placeholder", "readonly", "rows", ...LENGTHS])
      if (this.has(name)) this.inner().setAttribute(name, this.attr(name));
    super.update();
  }
};

names["s-option"] = class extends Part {
  static attrs = ["value", "selected", "disabled"];
  static css = ":host { display: none; }";
};
names["s-option-group"] = class extends Part {
  static attrs = ["label", "disabled"];
  static css = ":host { display: none; }";
};
names["s-select"] = class extends Field {
  static attrs = [...COMMON, "value", "icon", "placeholder"];
  draw() {
    this.frame("<select id=control></select>");
    this.listen(() => {
      this.typed = this.inner().value;
    });
    new MutationObserver(() => this.update()).observe(this, {
      childList: true,
      subtree: true,
      characterData: true,
      attributes: true,
      attributeFilter: ["value", "selected", "disabled"],
    });
  }
  get options() {
    return [...this.querySelectorAll("s-option")];
  }
  get defaultValue() {
    return (
      this.getAttribute("value") ??
      (
        this.options.find((item) => item.hasAttribute("selected")) ?? (this.has("placeholder") ? null : this.options[0])
      )?.getAttribute("value") ??
      ""
    );
  }
  option(item) {
    return Object.assign(new Option(item.textContent.trim(), item.getAttribute("value") ?? ""), {
      disabled: item.hasAttribute("disabled"),
    });
  }
  update() {
    const tree = [...this.children]
      .filter((item) => item.localName.startsWith("s-option"))
      .map((item) => {
        if (item.localName === "s-option") return this.option(item);
        const group = Object.assign(document.createElement("optgroup"), { label: item.getAttribute("label") ?? "" });
        group.append(...[...item.querySelectorAll("s-option")].map((inner) => this.option(inner)));
        return group;
      });
    if (this.has("placeholder"))
      tree.unshift(Object.assign(new Option(this.attr("placeholder"), ""), { disabled: true }));
    this.inner().replaceChildren(...tree);
    super.update();
  }
};

const TICK_CSS = `${FIELD_CSS} .row { display: flex; gap: 9px; align-items: flex-start; } .row label { font-size: 14px; font-weight: 400; margin: 0; flex: 1; cursor: pointer; }
  input { flex: none; inline-size: 16px; block-size: 16px; margin: 2px 0 0; accent-color: var(--accent); } input:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
  .details, .error { margin-inline-start: 25px; margin-block-start: 2px; }`;
const tickField = (role) =>
  class extends Field {
    static attrs = [...COMMON, "checked", "value", "accessibilitylabel", ...(role ? [] : ["indeterminate"])];
    static css =
      TICK_CSS +
      (role
        ? " input { appearance: none; inline-size: 32px; block-size: 18px; border-radius: 9px; background: var(--line-strong); padding: 0; position: relative; } input::after { content: ''; position: absolute; inset: 2px auto 2px 2px; inline-size: 14px; border-radius: 50%; background: #fff; } input:checked { background: var(--accent); } input:checked::after { inset-inline-start: 16px; }"
        : "");
    draw() {
      this.shadowRoot.innerHTML = `<div class=row><input id=control type=checkbox ${role ? `role=${role}` : ""}><label for=control></label></div><div class=details id=details><span></span><slot name=details></slot></div>
      <div class=error id=error><span class=words></span><slot name=error></slot></div>`;
      this.listen(() => {
        this.ticked = this.inner().checked;
      });
    }
    get value() {
      return this.attr("value", "on");
    }
    set value(text) {
      this.setAttribute("value", text);
    }
    get defaultChecked() {
      return this.has("checked");
    }
    get checked() {
      return this.ticked ?? this.has("checked");
    }
    set checked(on) {
      this.ticked = !!on;
      this.show();
    }
    send() {
      this.internals.setFormValue(this.checked ? this.value : null);
    }
    show() {
      const inner = this.inner();
      if (inner) {
        inner.checked = this.checked;
        inner.indeterminate = this.has("indeterminate");
      }
      this.send();
    }
    formResetCallback() {
      this.ticked = undefined;
      this.show();
    }
    update() {
      this.dress();
      const words = this.attr("accessibilitylabel");
      if (words) this.inner().setAttribute("aria-label", words);
      else this.inner().removeAttribute("aria-label");
      this.show();
    }
  };
names["s-checkbox"] = tickField("");
names["s-switch"] = tickField("switch");

names["s-choice"] = class extends Part {
  static attrs = ["value", "selected", "disabled", "accessibilitylabel"];
  static css = ":host { display: block; } .details { color: var(--soft); font-size: 12.5px; }";
  draw() {
    this.shadowRoot.innerHTML =
      "<slot></slot><div class=details><slot name=details></slot></div><slot name=secondary-content></slot>";
  }
};
names["s-choice-list"] = class extends Field {
  static attrs = [...COMMON.filter((name) => name !== "required"), "multiple", "values"];
  static manual = true;
  static css = `${TICK_CSS} fieldset { border: 0; margin: 0; padding: 0; min-inline-size: 0; display: grid; gap: 8px; } legend { margin-block-end: 8px; } .choices { display: grid; gap: 8px; } .details, .error { margin-inline-start: 0; }`;
  draw() {
    this.shadowRoot.innerHTML = `<fieldset><legend></legend><div class=details id=details><span></span></div><div class=choices></div><div class=error id=error><span class=words></span></div></fieldset>`;
    this.listen(() => {
      this.picked = [...this.shadowRoot.querySelectorAll("input:checked")].map((input) => input.value);
    });
    new MutationObserver(() => this.update()).observe(this, { childList: true });
  }
  inner() {
    return this.$("fieldset");
  }
  get choices() {
    return [...this.querySelectorAll("s-choice")];
  }
  get values() {
    return (
      this.picked ??
      this.choices.filter((item) => item.hasAttribute("selected")).map((item) => item.getAttribute("value") ?? "")
    );
  }
  set values(list) {
    this.picked = [...list].map(String);
    this.show();
  }
  get value() {
    return this.values[0] ?? "";
  }
  send() {
    const data = new FormData();
    this.values.forEach((value) => data.append(this.name, value));
    this.internals.setFormValue(this.name ? data : null);
  }
  show() {
    for (const input of this.shadowRoot.querySelectorAll("input")) input.checked = this.values.includes(input.value);
    this.send();
  }
  formResetCallback() {
    this.picked = undefined;
    this.show();
  }
  update() {
    this.dress();
    this.inner().removeAttribute("aria-invalid");
    const box = this.$(".choices");
    const kind = this.has("multiple") ? "checkbox" : "radio";
    box.replaceChildren(
      ...this.choices.map((choice, index) => {
        const row = document.createElement("div");
        row.className = "row";
        row.innerHTML = `<input id=c${index} type=${kind} name=choice><label for=c${index}><slot></slot></label>`;
        const input = row.firstElementChild;
        input.value = choice.getAttribute("value") ?? "";
        input.disabled = this.disabled || choice.hasAttribute("disabled");
        row.querySelector("slot").assign(choice);
        return row;
      }),
    );
    this.show();
  }
};
names["s-drop-zone"] = class extends Field {
  static attrs = [...COMMON.filter((name) => name !== "details"), "accept", "multiple", "accessibilitylabel", "value"];
  draw() {
    this.frame("<input id=control type=file>");
    this.listen(() => {});
  }
  get files() {
    return [...(this.inner()?.files ?? [])];
  }
  get value() {
    return this.inner()?.value ?? "";
  }
  send() {
    const data = new FormData();
    this.files.forEach((file) => data.append(this.name, file));
    this.internals.setFormValue(this.name ? data : null);
  }
  show() {
    this.send();
  }
  formResetCallback() {
    this.inner().value = "";
    this.send();
  }
  update() {
    this.inner().accept = this.attr("accept");
    this.inner().multiple = this.has("multiple");
    this.dress();
    this.send();
  }
};
