/* Stand-in for Shopify's app-bridge.js: our own writing of the contract an embedded app relies on.
   It talks by postMessage to host.js in the stand-in admin and must offer nothing that the original lacks.
   After a bounce (document.write) it runs a second time in the same window: globals are patched once, listeners are renewed. */
(() => {
  "use strict";
  const tag = document.currentScript;
  const HOST_PARAMS = ["id_token", "hmac", "session", "timestamp", "locale", "host", "shop", "embedded"];
  const state = (window.__standInBridge ??= { waiting: new Map(), next: 1, native: {} });
  state.stop?.abort();
  state.stop = new AbortController();
  state.bar = null;
  const hear = (target, type, fn, capture = false) =>
    target.addEventListener(type, fn, { capture, signal: state.stop.signal });

  // ---- configuration: the URL of the first document, later the window's own memory ----
  const query = new URLSearchParams(location.search);
  const remembered = (() => {
    try {
      return JSON.parse(sessionStorage.getItem("stand-in-bridge")) || {};
    } catch {
      return {};
    }
  })();
  const apiKey = document.querySelector("meta[name=shopify-api-key]")?.content || tag.dataset.apiKey || "";
  const config = {
    apiKey,
    shop: query.get("shop") || remembered.shop,
    host: query.get("host") || remembered.host,
    locale: query.get("locale") || remembered.locale || "en",
  };
  try {
    sessionStorage.setItem("stand-in-bridge", JSON.stringify(config));
  } catch {
    /* storage may be closed to third parties */
  }
  const adminOrigin = new URL(tag.src).origin;
  const embedded = window.top !== window;
  const withoutHostParams = (url) => {
    const clean = new URL(url, location.href);
    HOST_PARAMS.forEach((name) => clean.searchParams.delete(name));
    return clean;
  };
  const pathOf = (url) => url.pathname + url.search + url.hash;

  // ---- the line to the host ----
  const tell = (kind, data = {}) => {
    if (embedded) parent.postMessage({ standIn: 1, kind, ...data }, adminOrigin);
  };
  const ask = (kind, data = {}) =>
    new Promise((resolve, reject) => {
      const id = state.next++;
      const timer = setTimeout(() => {
        state.waiting.delete(id);
        reject(new Error(`the admin did not answer: ${kind}`));
      }, 10000);
      state.waiting.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      tell(kind, { id, ...data });
    });
  hear(window, "message", (event) => {
    const message = event.data;
    if (event.source !== parent || event.origin !== adminOrigin || !message?.standIn) return;
    if (message.kind === "reply") {
      state.waiting.get(message.id)?.(message.value);
      state.waiting.delete(message.id);
    }
    if (message.kind === "nav") followNav(message.href);
    if (message.kind === "save") state.bar?.requestSubmit();
    if (message.kind === "discard") discard();
  });

  // ---- opened outside the admin: go in; bounce page: fetch the target with a token and become it ----
  if (!embedded) {
    const store = config.host ? atob(config.host).split("/").pop() : (config.shop || "").split(".")[0];
    if (store && apiKey)
      location.replace(`${adminOrigin}/store/${store}/apps/${apiKey}${pathOf(withoutHostParams(location.href))}`);
  }
  const reload = query.get("shopify-reload");
  const idToken = () => ask("token");
  patchOnce();
  if (embedded && reload && !query.has("id_token")) become(reload);
  else if (embedded) {
    const clean = withoutHostParams(location.href);
    if (clean.href !== location.href) state.native.replaceState.call(history, history.state, "", clean.href);
  }

  async function become(target) {
    const url = new URL(target, location.origin);
    if (url.origin !== location.origin) return;
    const response = await window.fetch(url, { headers: { "X-Shopify-Bounce": "1" } });
    const html = await response.text();
    state.native.replaceState.call(history, null, "", pathOf(new URL(response.url)));
    document.open();
    document.write(html);
    document.close();
  }

  function patchOnce() {
    if (state.native.fetch) return;
    state.native = {
      fetch: window.fetch.bind(window),
      open: window.open,
      pushState: history.pushState,
      replaceState: history.replaceState,
    };
    window.fetch = async (input, init) => {
      let request = new Request(input, init);
      const host = new URL(request.url).hostname;
      if (!embedded || (host !== location.hostname && !host.endsWith(`.${location.hostname}`)))
        return state.native.fetch(request);
      const spare = request.clone();
      let response = await state.native.fetch(await dressed(request));
      if (response.headers.has("X-Shopify-Retry-Invalid-Session-Request"))
        response = await state.native.fetch(await dressed(spare));
      const reauthorize = response.headers.get("X-Shopify-API-Request-Failure-Reauthorize-Url");
      if (reauthorize) tell("open", { url: new URL(reauthorize, location.href).href });
      return response;
    };
    const dressed = async (request) => {
      const headers = new Headers(request.headers);
      if (!headers.has("Authorization")) headers.set("Authorization", `Bearer ${await idToken()}`);
      headers.set("X-Requested-With", "XMLHttpRequest");
      headers.set("Accept-Language", shopify.config.locale);
      return new Request(request, { headers });
    };
    window.open = (url, target, features) => {
      if (state.bar) {
        tell("nudge");
        return null;
      }
      const inHost = embedded && (["_top", "_parent"].includes(target) || String(url).startsWith("shopify:"));
      if (!inHost) return state.native.open.call(window, url, target, features);
      tell("open", { url: new URL(url, location.href).href });
      return null;
    };
    // The admin owns the history: the frame only replaces, the host adds the entry.
    for (const name of ["pushState", "replaceState"]) {
      history[name] = (data, unused, url) => {
        state.native[embedded ? "replaceState" : name].call(history, data, unused, url);
        report(name === "pushState");
      };
    }
  }
  function report(push = false) {
    tell("url", { path: pathOf(withoutHostParams(location.href)), title: document.title, push });
  }

  // ---- save bar of <form data-save-bar> ----
  const bases = (state.bases = new WeakMap());
  const valueOf = (field) =>
    JSON.stringify([field.checked, field.values, field.type === "file" ? field.files?.length : field.value]);
  const snapshot = (form) => new Map([...form.elements].map((field) => [field, valueOf(field)]));
  const formOf = (event) => (event.target instanceof Element ? event.target.closest("form[data-save-bar]") : null);
  function takeBase(event) {
    const form = formOf(event);
    if (form && !bases.has(form)) bases.set(form, snapshot(form));
  }
  function weigh(event) {
    const form = formOf(event);
    const base = form && bases.get(form);
    if (!base) return;
    const dirty = [...form.elements].some((field) => base.has(field) && base.get(field) !== valueOf(field));
    showBar(dirty ? form : null);
  }
  function showBar(form) {
    if (state.bar === form) return;
    state.bar = form;
    tell("savebar", { visible: !!form, confirm: !!form?.hasAttribute("data-discard-confirmation") });
  }
  // The original takes the new base at submit, before any server has answered. That is its behaviour, not a slip here.
  function rebase(form) {
    bases.set(form, snapshot(form));
    if (state.bar === form) showBar(null);
  }
  function discard() {
    const form = state.bar;
    if (!form) return;
    form.reset();
    for (const field of form.elements) {
      field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
      field.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
    }
  }
  hear(document, "focusin", takeBase, true);
  hear(document, "beforeinput", takeBase, true);
  hear(document, "input", weigh);
  hear(document, "change", weigh);
  hear(document, "submit", (event) => {
    const form = formOf(event);
    if (form) rebase(form);
  });
  hear(document, "reset", (event) => {
    const form = formOf(event);
    if (form) setTimeout(() => rebase(form));
  });
  hear(window, "beforeunload", (event) => {
    if (state.bar) event.preventDefault();
  });
  hear(
    window,
    "click",
    (event) => {
      const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement && node.href);
      if (!link) return;
      if (state.bar) {
        event.preventDefault();
        event.stopImmediatePropagation();
        tell("nudge");
        return;
      }
      if (link.protocol === "shopify:" || (embedded && ["_top", "_parent"].includes(link.target))) {
        event.preventDefault();
        tell("open", { url: link.href });
      }
    },
    true,
  );

  // ---- the app's menu: links stay in the page, the admin draws them ----
  function sendMenu() {
    const links = [...document.querySelectorAll("s-app-nav > s-link[href], s-app-nav > a[href]")];
    tell("menu", {
      items: links.map((link) => ({
        href: link.getAttribute("href"),
        text: link.textContent.trim(),
        home: link.getAttribute("rel") === "home",
      })),
    });
  }
  function followNav(href) {
    const link = [...document.querySelectorAll("s-app-nav > [href]")].find(
      (item) => item.getAttribute("href") === href,
    );
    const click = () => new MouseEvent("click", { bubbles: true, cancelable: true, composed: true });
    const stays =
      link &&
      (!link.dispatchEvent(click()) ||
        !link.dispatchEvent(new CustomEvent("shopify:navigate", { bubbles: true, cancelable: true })));
    if (!stays) tell("visit", { path: href });
  }
  if (!customElements.get("s-app-nav")) {
    customElements.define(
      "s-app-nav",
      class extends HTMLElement {
        connectedCallback() {
          this.hidden = true;
          this.watch ??= new MutationObserver(() => window.__standInBridge.sendMenu());
          this.watch.observe(this, { childList: true, subtree: true, characterData: true, attributes: true });
          queueMicrotask(() => window.__standInBridge.sendMenu());
        }
        disconnectedCallback() {
          this.watch.disconnect();
        }
      },
    );
  }
  state.sendMenu = sendMenu;
  const started = () => {
    if (reload) return;
    tell("hello");
    report();
    sendMenu();
  };
  if (document.readyState === "loading") hear(document, "DOMContentLoaded", started);
  else started();

  // ---- the API object ----
  const modal = (id) => document.getElementById(id);
  window.shopify = {
    config,
    origin: location.origin,
    ready: Promise.resolve(),
    idToken,
    environment: { embedded, mobile: false, intent: false, pos: false },
    toast: {
      show: (text, options = {}) => {
        const id = String(state.next++);
        tell("toast", { text: String(text), isError: !!options.isError, duration: options.duration ?? 5000 });
        return id;
      },
      hide: () => tell("toast", { text: "" }),
    },
    loading: (on) => tell("loading", { on: on !== false }),
    saveBar: {
      show: async (id) => showBar(document.getElementById(id)),
      hide: async () => showBar(null),
      toggle: async (id) => showBar(state.bar ? null : document.getElementById(id)),
      leaveConfirmation: async () => undefined,
    },
    modal: {
      show: async (id) => modal(id)?.showOverlay?.(),
      hide: async (id) => modal(id)?.hideOverlay?.(),
      toggle: async (id) => modal(id)?.toggleOverlay?.(),
    },
  };
})();
