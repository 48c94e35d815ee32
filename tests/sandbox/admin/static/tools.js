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
  const entries = (data, name) => (Array.isArray(data) ? data : Object.values(data[name] ?? {}));
  const seller = () => {
    if (!$("seller").value) throw new Error("there is no seller yet: connect the app to Amazon first");
    return encodeURIComponent($("seller").value);
  };

  async function look() {
    const [sellers, shop, mails] = await Promise.allSettled([
      call("GET", "amazon/sellers"),
      call("GET", `shops/${page.domain}`),
      call("GET", "mails"),
    ]);
    if (sellers.status === "fulfilled") {
      const chosen = $("seller").value;
      $("seller").replaceChildren(
        ...entries(sellers.value, "sellers").map(
          (one) => new Option(`${one.name ?? one.seller_id} (${one.region})`, one.seller_id),
        ),
      );
      if (chosen) $("seller").value = chosen;
    }
    if (shop.status === "fulfilled") {
      const skus = JSON.stringify(shop.value).match(/"sku": ?"[^"]+"/g) ?? [];
      $("skus").replaceChildren(
        ...[...new Set(skus.map((text) => JSON.parse(`{${text}}`).sku))].map((sku) => new Option(sku, sku)),
      );
    }
    if (mails.status === "fulfilled") {
      const all = entries(mails.value, "mails");
      const newest = all
        .slice()
        .sort((a, b) => String(b.at).localeCompare(String(a.at)))
        .slice(0, 4);
      $("mails").replaceChildren(
        ...(newest.length ? newest : [{ subject: "none yet" }]).map((mail) =>
          Object.assign(document.createElement("li"), { textContent: mail.subject }),
        ),
      );
    }
  }
  const acts = {
    product: async (data) => {
      await call("POST", `shops/${page.domain}/products`, {
        ...data,
        price: "19.90",
        available: Number(data.available),
      });
      return `Added ${data.sku}.`;
    },
    order: async (data, button) => {
      const known = data.sku || $("skus").options[0]?.value || "MUG-BLUE";
      const sku = button?.name === "unknown" ? `UNKNOWN-${Math.floor(Math.random() * 9000 + 1000)}` : known;
      const made = await call("POST", `amazon/sellers/${seller()}/orders`, {
        count: Number(data.count),
        sku,
        price: data.price,
      });
      return `${made.order_ids?.length ?? data.count} new with SKU ${sku}: ${(made.order_ids ?? []).slice(0, 3).join(", ")}. Amazon shows new orders after about two minutes unless told otherwise.`;
    },
  };
  const run = async (work) => {
    say("…");
    try {
      say(await work());
    } catch (error) {
      say(`Not done: ${error.message}`);
    }
    look();
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
  const toggled = () => {
    if ($("tools").classList.contains("open")) look();
  };
  $("tools-toggle").addEventListener("click", () => setTimeout(toggled));
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
  setInterval(toggled, 5000);
})();
