/* The app's own script: App Bridge adds the ID token to fetch alone, so forms and visits go by fetch.
   No state, no dependency, nothing inline: works under script-src 'self'. Words come from the server (templates, metas). */
(() => {
  "use strict";
  // Run a second time in one window (App Bridge may write a document over this one), it renews its listeners.
  window.relayStop?.abort();
  const stop = (window.relayStop = new AbortController());
  const on = (target, type, fn, capture = false) => target.addEventListener(type, fn, { capture, signal: stop.signal });
  const meta = (name, doc = document) => doc.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const loading = (state) => window.shopify?.loading?.(state);
  document.documentElement.dataset.whole = "";
  const isHtml = (response) => (response.headers.get("Content-Type") || "").includes("text/html");
  const ask = (url, kind, options = {}) =>
    fetch(url, { ...options, headers: { Accept: "text/html", "X-Relay": kind } });

  const offline = (error) => {
    if (error.name !== "AbortError") notice("relay-offline");
  };

  // ---- pages: fetched, swapped, remembered ----
  let current;
  async function visit(url, { push = true } = {}) {
    current?.abort();
    const mine = (current = new AbortController());
    loading(true);
    try {
      const response = await ask(url, "visit", { signal: mine.signal }).catch(offline);
      if (response) await receive(response, push);
    } finally {
      if (mine === current) loading(false);
    }
  }
  async function receive(response, push = true) {
    const top = response.headers.get("X-Relay-Top");
    if (top) return void open(top, "_top");
    if (!isHtml(response)) return void download(response);
    const html = await response.text();
    show(new DOMParser().parseFromString(html, "text/html"), response.url, push);
  }
  async function download(response) {
    if (!response.ok) return notice("relay-failed");
    const name = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") || "")?.[1] || "download";
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(await response.blob()),
      download: name,
    });
    link.dataset.hard = "";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  function show(doc, url, push) {
    document.title = doc.title;
    document.documentElement.lang = doc.documentElement.lang;
    document.querySelector('meta[name="flash-toast"]')?.remove();
    const flash = doc.querySelector('meta[name="flash-toast"]');
    if (flash) document.head.append(document.adoptNode(flash));
    document.body.replaceChildren(...[...doc.body.children].map((node) => document.adoptNode(node)));
    history[push && url !== location.href ? "pushState" : "replaceState"]({}, "", url);
    window.scrollTo(0, 0);
    if (!focusError(document)) document.getElementById("page")?.focus({ preventScroll: true });
    wire();
  }
  function focusError(root) {
    const field = root.querySelector('[error]:not([error=""])');
    field?.focus();
    return field;
  }
  /** One critical banner, put in place of the last one: what was typed stays where it is. */
  function notice(id) {
    const template = document.getElementById(id)?.content.firstElementChild;
    const banner = template ? document.importNode(template, true) : document.createElement("s-banner");
    if (!template) banner.append("No answer. What you typed is still here: try again.");
    banner.setAttribute("tone", "critical");
    banner.dataset.relayNotice = "";
    document.querySelectorAll("[data-relay-notice]").forEach((old) => old.remove());
    (document.querySelector("s-page") ?? document.body).prepend(banner);
    banner.scrollIntoView({ block: "nearest" });
  }

  on(document, "click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
      return;
    const link = event
      .composedPath()
      .find((node) => node.getAttribute?.("href") && /^(a|s-link|s-button|s-clickable)$/.test(node.localName));
    if (!link || link.hasAttribute("data-hard") || !["", "auto", "_self", null].includes(link.getAttribute("target")))
      return;
    const url = new URL(link.getAttribute("href"), location.href);
    if (
      url.origin !== location.origin ||
      (url.hash && url.pathname + url.search === location.pathname + location.search)
    )
      return;
    event.preventDefault();
    visit(url.href);
  });
  on(window, "popstate", () => visit(location.href, { push: false }));

  // ---- forms: before App Bridge hears of the submit, because it would drop the save bar before the server has answered ----
  const busy = new WeakSet();
  const confirmed = new WeakSet();
  on(
    window,
    "submit",
    (event) => {
      const form = event.target;
      if (event.relayDone || form.method === "dialog" || form.hasAttribute("data-hard")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const modal = form.dataset.confirm && !confirmed.delete(form) && document.getElementById(form.dataset.confirm);
      if (modal) {
        modal.relayForm = form;
        modal.showOverlay();
        return;
      }
      if (!busy.has(form)) send(form, event.submitter);
    },
    true,
  );
  async function send(form, submitter) {
    const url = new URL(form.getAttribute("action") || location.href, location.href);
    const data = new FormData(form, submitter);
    if ((form.getAttribute("method") || "get").toLowerCase() === "get") {
      url.search = new URLSearchParams([...data].filter(([, value]) => value !== ""));
      return visit(url.href);
    }
    const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
    const buttons = form.querySelectorAll("s-button[type=submit]");
    busy.add(form);
    loading(true);
    buttons.forEach((button) => button.setAttribute("loading", ""));
    try {
      const response = await ask(url.href, "form", { method: "POST", body }).catch(offline);
      if (!response) return undefined;
      if (response.status === 422) refused(form, new DOMParser().parseFromString(await response.text(), "text/html"));
      else if (response.ok) {
        // Marked: now App Bridge takes the saved values as its base and hides the save bar, which would block open().
        form.dispatchEvent(
          Object.assign(new SubmitEvent("submit", { bubbles: true, cancelable: true }), { relayDone: true }),
        );
        await receive(response);
      } else notice("relay-failed");
    } finally {
      busy.delete(form);
      loading(false);
      buttons.forEach((button) => button.removeAttribute("loading"));
    }
  }
  /** 422: only the errors come over; values, focus order and save bar stay as they are. */
  function refused(form, doc) {
    // A list has many forms of a kind, each with an id of its own: the page that answers has the one, by its action.
    const same =
      doc.getElementById(form.id) ??
      doc.querySelector(`form[action="${CSS.escape(form.getAttribute("action") || "")}"]`) ??
      (form.id ? null : doc.querySelector("form"));
    for (const field of form.querySelectorAll("[name]")) {
      const twins = [...(same ?? doc).querySelectorAll(`[name="${CSS.escape(field.getAttribute("name"))}"]`)];
      const twin = twins.find((one) => one.getAttribute("value") === field.getAttribute("value")) ?? twins[0];
      const words = twin?.getAttribute("error");
      if (words) field.setAttribute("error", words);
      else field.removeAttribute("error");
      field.toggleAttribute("data-refused", Boolean(words));
    }
    document.querySelectorAll("[data-relay-notice]").forEach((old) => old.remove());
    const [place, said] = [form.querySelector("[data-form-error]"), same?.querySelector("[data-form-error]")];
    if (place && said) place.replaceChildren(...[...said.childNodes].map((node) => document.adoptNode(node)));
    if (focusError(form)) return;
    if (!place?.textContent.trim()) return notice("relay-failed");
    place.tabIndex = -1;
    place.focus();
  }

  // ---- live parts: <div data-poll="/path" data-every="5" data-max="60"> ----
  async function poll(part, left) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * (Number(part.dataset.every) || 5)));
    if (!part.isConnected || stop.signal.aborted) return;
    if (document.hidden) await new Promise((resolve) => on(document, "visibilitychange", resolve));
    const html = await ask(part.dataset.poll, "poll").then(
      (response) => (response.ok && isHtml(response) ? response.text() : ""),
      () => "",
    );
    const next = html && new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    const held = part.contains(document.activeElement);
    let live = part;
    if (next && part.isConnected && !held && next.outerHTML !== part.relaySource) {
      live = document.adoptNode(next);
      live.relaySource = live.outerHTML;
      part.replaceWith(live);
    }
    if (live.dataset.poll && left > 1) poll(live, left - 1);
  }

  // ---- small things ----
  function hides() {
    for (const box of document.querySelectorAll("[data-hides]"))
      document.getElementById(box.dataset.hides)?.toggleAttribute("hidden", box.checked);
    for (const box of document.querySelectorAll("[data-shows]"))
      document.getElementById(box.dataset.shows)?.toggleAttribute("hidden", !box.checked);
  }
  on(document, "change", hides);
  on(document, "reset", (event) => {
    setTimeout(hides);
    event.target.querySelectorAll("[data-refused]").forEach((field) => field.removeAttribute("error"));
    event.target.querySelector("[data-form-error]")?.replaceChildren();
  });
  on(document, "click", (event) => {
    const at = (name) => event.composedPath().find((node) => node.dataset?.[name] !== undefined);
    const copy = at("copy");
    if (copy)
      navigator.clipboard.writeText(copy.dataset.copy).then(
        () => window.shopify?.toast.show(copy.dataset.copied || copy.dataset.copy),
        () => {},
      );
    const modal = at("confirmed")?.closest("s-modal");
    if (modal?.relayForm) {
      confirmed.add(modal.relayForm);
      modal.hideOverlay();
      modal.relayForm.requestSubmit();
    }
  });
  // These do not bubble: a banner that stays dismissed, a table that turns its page.
  on(
    window,
    "dismiss",
    (event) => {
      if (event.target.dataset?.dismiss)
        ask(event.target.dataset.dismiss, "dismiss", { method: "POST" }).catch(() => {});
    },
    true,
  );
  on(
    window,
    "nextpage",
    (event) => {
      if (event.target.dataset?.next) visit(event.target.dataset.next);
    },
    true,
  );
  on(
    window,
    "previouspage",
    (event) => {
      if (event.target.dataset?.previous) visit(event.target.dataset.previous);
    },
    true,
  );
  function wire() {
    hides();
    document.querySelectorAll("[data-poll]").forEach((part) => poll(part, Number(part.dataset.max) || 120));
    const flash = document.querySelector('meta[name="flash-toast"]');
    if (flash) {
      window.shopify?.toast.show(meta("flash-toast"));
      flash.remove();
    }
  }
  if (document.readyState === "loading") on(document, "DOMContentLoaded", wire);
  else wire();
})();
