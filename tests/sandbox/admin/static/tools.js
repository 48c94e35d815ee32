/* "What the sandbox can do": small forms that post to the control API, the same switches the tests use. */
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const $ = (id) => document.getElementById(id);
  const say = (text) => {
    $("tools-said").textContent = text;
  };
  const call = async (method, path, body) => {
    const answer = await fetch(`/_sandbox/${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(data.error || `the sandbox answered ${answer.status}`);
    return data;
  };
  const seller = () => {
    if (!$("seller").value) throw new Error("there is no seller yet: create one on the start page");
    return encodeURIComponent($("seller").value);
  };

  let known = [];
  /** `all` asks for the shop too, whose answer holds every order: only when the panel opens and after an act. */
  async function look(all = false) {
    const [sellers, mails, shop] = await Promise.allSettled([
      call("GET", "amazon/sellers"),
      call("GET", "mails"),
      all ? call("GET", `shops/${page.domain}`) : Promise.reject(new Error("not asked")),
    ]);
    if (sellers.status === "fulfilled" && JSON.stringify(sellers.value) !== JSON.stringify(known)) {
      const chosen = $("seller").value;
      known = sellers.value;
      $("seller").replaceChildren(...known.map((one) => new Option(`${one.name} (${one.region})`, one.seller_id)));
      if (chosen) $("seller").value = chosen;
      manage();
    }
    if (shop.status === "fulfilled") {
      const skus = new Set(shop.value.products.map((product) => product.sku).filter(Boolean));
      $("skus").replaceChildren(...[...skus].map((sku) => new Option(sku, sku)));
      const before = $("ship-orders").value;
      const open = shop.value.orders.filter((order) => order.lines.length && !order.cancelled_at).slice(-50).reverse();
      const called = (order) => `${order.name} ${order.source_identifier || ""} (${order.fulfillment.toLowerCase()})`;
      $("ship-orders").replaceChildren(...open.map((order) => new Option(called(order), order.name)));
      if (open.some((order) => order.name === before)) $("ship-orders").value = before;
    }
    if (mails.status === "fulfilled") {
      const newest = mails.value.slice(-4).reverse();
      const line = (mail) => Object.assign(document.createElement("li"), { textContent: mail.subject });
      $("mails").replaceChildren(...(newest.length ? newest : [{ subject: "none yet" }]).map(line));
    }
  }
  function manage() {
    const one = known.find((item) => item.seller_id === $("seller").value);
    if (one) $("seller-manage").href = `/amazon/sellercentral/${one.region}/apps/manage`;
    return one;
  }
  $("seller").addEventListener("change", manage);
  const chosen = (data) => {
    const sku = data.sku || $("skus").options[0]?.value;
    if (!sku) throw new Error("the shop has no product yet: add one below");
    return sku;
  };
  const variant = (sku) => `shops/${page.domain}/variants/sku:${encodeURIComponent(sku)}`;
  const acts = {
    change: async (data, button) => {
      const sku = chosen(data);
      if (button?.value === "delete") {
        await call("DELETE", variant(sku));
        return `Deleted ${sku}.`;
      }
      const wish = {};
      if (data.available !== "") wish.available = Number(data.available);
      if (data.price) wish.price = data.price;
      if (!Object.keys(wish).length) throw new Error("say what the stock or the price shall be");
      const now = await call("PATCH", variant(sku), wish);
      return `${sku}: stock ${now.available}, price ${now.price}.`;
    },
    listing: async (data, button) => {
      const sku = chosen(data);
      const mine = `amazon/sellers/${seller()}`;
      if (button?.value === "list") {
        const here = await call("GET", variant(sku));
        await call("POST", `${mine}/listings`, { sku, price: here.price, quantity: here.available, title: sku });
        return `Amazon lists ${sku} now.`;
      }
      if (button?.value === "refuse") {
        await call("POST", `${mine}/refusals`, { sku });
        return `Amazon refuses every change of ${sku} from now on.`;
      }
      if (button?.value === "allow") {
        const { removed } = await call("DELETE", `${mine}/refusals?sku=${encodeURIComponent(sku)}`);
        return removed ? `Amazon takes changes of ${sku} again.` : `Amazon did not refuse ${sku}.`;
      }
      const there = await call("GET", `${mine}/listing/${encodeURIComponent(sku)}`);
      const prices = Object.values(there.prices).join(", ");
      return `Amazon has ${sku} at ${prices}, quantity ${there.quantity ?? "of its own"}.`;
    },
    product: async (data) => {
      await call("POST", `shops/${page.domain}/products`, {
        ...data,
        price: "19.90",
        available: Number(data.available),
      });
      return `Added ${data.sku}.`;
    },
    ship: async (data, button) => {
      if (!data.order) throw new Error("the shop has no order yet");
      const act = button?.name === "act" ? button.value : "ship";
      const shop = await call("GET", `shops/${page.domain}`);
      const order = shop.orders.find((one) => one.name === data.order);
      const table = `shops/${page.domain}/orders/${encodeURIComponent(data.order.replace("#", ""))}`;
      const told = { tracking: data.tracking || null, company: data.company || null };
      const last = (order.fulfillments || []).filter((one) => one.status !== "CANCELLED").length
        ? order.fulfillments.findLastIndex((one) => one.status !== "CANCELLED") + 1
        : 0;
      if (act === "refund") {
        await call("POST", `${table}/refunds`, {});
        return `Refunded ${data.order}.`;
      }
      if (act === "ship") {
        const units = Number(data.units) || 0;
        const lines = units ? { lines: order.lines.map((_, line) => ({ line, quantity: units })) } : {};
        const made = await call("POST", `${table}/fulfillments`, { ...told, ...lines });
        return `Fulfilled: ${made.name}.`;
      }
      if (!last) throw new Error("this order has no fulfillment yet");
      await call("POST", `${table}/fulfillments/${last}${act === "cancel" ? "/cancel" : ""}`, act === "cancel" ? {} : told);
      return act === "cancel" ? "The fulfillment is cancelled." : "The tracking is changed.";
    },
    order: async (data, button) => {
      const stranger = button?.name === "unknown" && `UNKNOWN-${Math.floor(Math.random() * 9000 + 1000)}`;
      const sku = stranger || chosen(data);
      const wish = { count: Number(data.count), sku, price: data.price };
      const { order_ids: ids } = await call("POST", `amazon/sellers/${seller()}/orders`, wish);
      const wait = manage().visible_lag_seconds;
      return `${ids.slice(0, 3).join(", ")}${ids.length > 3 ? " …" : ""} with SKU ${sku}; the app can see it in ${wait} s.`;
    },
  };
  const run = async (work) => {
    say("…");
    try {
      say(await work());
    } catch (error) {
      say(`Not done: ${error.message}`);
    }
    look(true);
  };
  for (const form of document.querySelectorAll("[data-tool]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(() => acts[form.dataset.tool](Object.fromEntries(new FormData(form)), event.submitter));
    });
  }
  for (const button of document.querySelectorAll("[data-state]")) {
    button.addEventListener("click", () =>
      run(async () => {
        await call("POST", `amazon/sellers/${seller()}/state`, { authorisation: button.dataset.state });
        return `The seller's access is now: ${button.dataset.state}.`;
      }),
    );
  }
  const refresh = (all) => {
    if ($("tools").classList.contains("open")) look(all);
  };
  $("tools-toggle").addEventListener("click", () => setTimeout(() => refresh(true)));
  for (const id of ["user", "locale"]) {
    $(id).addEventListener("change", () => {
      document.cookie = `standin_${id}=${encodeURIComponent($(id).value)}; path=/; SameSite=Lax`;
      location.reload();
    });
  }
  for (const [button, panel] of [
    ["nav-toggle", "nav"],
    ["tools-toggle", "tools"],
  ]) {
    $(button).addEventListener("click", () =>
      $(button).setAttribute("aria-expanded", String($(panel).classList.toggle("open"))),
    );
  }
  setInterval(refresh, 5000, false);
})();
