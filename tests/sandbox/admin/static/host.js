/* The admin's side of the stand-in: answers the frame's messages, draws the app's menu, the save bar and toasts, and owns the history.
   It believes only its own frame and only from the app's origin. */
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const $ = (id) => document.getElementById(id);
  let frame = $("app-frame");
  const appOrigin = new URL(page.appUrl).origin;
  const base = `/store/${page.store}/apps/${page.key}`;
  const tell = (kind, data = {}) => frame.contentWindow.postMessage({ standIn: 1, kind, ...data }, appOrigin);
  const person = () => `user=${encodeURIComponent(page.user)}&locale=${encodeURIComponent(page.locale)}`;
  let barUp = false;
  let menu = [];
  let here = page.path;

  // ---- where the frame is ----
  const hostPath = (path) => base + (path === "/" ? "" : path);
  async function visit(path, push = true) {
    const answer = await fetch(
      `/store/${page.store}/frame_url?key=${page.key}&path=${encodeURIComponent(path)}&${person()}`,
    );
    const { url } = await answer.json();
    if (push && hostPath(path) !== location.pathname + location.search) history.pushState({ path }, "", hostPath(path));
    load(url);
  }
  /** Every load is a frame of its own: the browser keeps no history for it, so the admin's entries are the only ones. */
  function load(url) {
    const fresh = frame.cloneNode();
    fresh.addEventListener("load", () => busy(false));
    fresh.src = url;
    frame.replaceWith(fresh);
    frame = fresh;
    busy(true);
  }
  window.addEventListener("popstate", (event) => {
    if (barUp) {
      history.forward();
      nudge();
      return;
    }
    visit(event.state?.path ?? page.path, false);
  });
  history.replaceState({ path: page.path }, "");

  // ---- menu ----
  const under = (href) => {
    const path = href.split("?")[0];
    const at = here.split("?")[0];
    return path === "/" ? at === "/" : at === path || at.startsWith(`${path}/`);
  };
  function drawMenu() {
    const list = $("app-menu");
    list.replaceChildren(
      ...menu
        .filter((item) => !item.home)
        .map((item) => {
          const link = Object.assign(document.createElement("a"), {
            href: hostPath(item.href),
            textContent: item.text,
          });
          if (under(item.href)) link.setAttribute("aria-current", "page");
          link.dataset.href = item.href;
          const entry = document.createElement("li");
          entry.append(link);
          return entry;
        }),
    );
    const atHome = menu.some((item) => item.home && under(item.href)) || !menu.some((item) => under(item.href));
    $("app-home").toggleAttribute("aria-current", atHome);
    if (atHome) $("app-home").setAttribute("aria-current", "page");
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-href]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (barUp) {
      nudge();
      return;
    }
    $("nav").classList.remove("open");
    $("nav-toggle").setAttribute("aria-expanded", "false");
    tell("nav", { href: link.dataset.href });
  });

  // ---- save bar, toast, loading ----
  function showBar(visible, confirmFirst) {
    barUp = visible;
    $("savebar").hidden = !visible;
    $("savebar").dataset.confirm = confirmFirst ? "1" : "";
  }
  function nudge() {
    $("savebar").classList.remove("nudge");
    void $("savebar").offsetWidth;
    $("savebar").classList.add("nudge");
  }
  function busy(on) {
    $("loading").hidden = !on;
  }
  let toastTimer;
  function toast(text, isError, duration) {
    clearTimeout(toastTimer);
    $("toast").textContent = text;
    $("toast").classList.toggle("shown", !!text);
    $("toast").classList.toggle("error", !!isError);
    toastTimer = setTimeout(() => $("toast").classList.remove("shown"), duration || 5000);
  }
  $("save").addEventListener("click", () => tell("save"));
  $("discard").addEventListener("click", () => {
    if ($("savebar").dataset.confirm) $("discard-dialog").showModal();
    else tell("discard");
  });
  $("discard-dialog").addEventListener("close", () => {
    if ($("discard-dialog").returnValue === "yes") tell("discard");
  });
  window.addEventListener("beforeunload", (event) => {
    if (barUp) event.preventDefault();
  });

  function openAtTop(url) {
    const target = new URL(url, appOrigin);
    if (target.protocol === "shopify:")
      location.assign(`/store/${page.store}${target.href.replace(/^shopify:(\/\/)?admin/, "")}`);
    else if (["http:", "https:"].includes(target.protocol)) location.assign(target.href);
  }

  // ---- messages of the frame ----
  const answers = {
    hello: () => {
      showBar(false);
      busy(false);
    },
    token: async () =>
      (
        await (
          await fetch(`/store/${page.store}/id_token?key=${page.key}&user=${encodeURIComponent(page.user)}`)
        ).json()
      ).id_token,
    menu: ({ items }) => {
      menu = items;
      drawMenu();
    },
    url: ({ path, title, push }) => {
      here = path;
      const change = push && hostPath(path) !== location.pathname + location.search ? "pushState" : "replaceState";
      history[change]({ path }, "", hostPath(path));
      $("title").textContent = title;
      document.title = `${title} · ${page.label}`;
      drawMenu();
    },
    visit: ({ path }) => visit(path),
    savebar: ({ visible, confirm }) => showBar(visible, confirm),
    nudge,
    toast: ({ text, isError, duration }) => toast(text, isError, duration),
    loading: ({ on }) => busy(on),
    open: ({ url }) => openAtTop(url),
  };
  window.addEventListener("message", async (event) => {
    const message = event.data;
    if (event.source !== frame.contentWindow || event.origin !== appOrigin || !message?.standIn) return;
    const value = await answers[message.kind]?.(message);
    if (message.id) tell("reply", { id: message.id, value });
  });
  // Loaded only now, so that no message of a fast page is missed.
  load(frame.dataset.src);
})();
