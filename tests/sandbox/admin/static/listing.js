/* The shop's own orders and products, read through the control API: what the app wrote, seen from the shop's side. */
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const box = document.getElementById("listing");
  const list = (value) => (Array.isArray(value) ? value : Object.values(value ?? {}));
  const money = (value) =>
    value && typeof value === "object"
      ? `${value.amount ?? ""} ${value.currency ?? value.currencyCode ?? ""}`
      : (value ?? "");
  const when = (text) => (text ? new Date(text).toLocaleString() : "");
  const COLUMNS = {
    orders: {
      Order: (o) => o.name,
      Date: (o) => when(o.created_at ?? o.createdAt),
      Total: (o) => money(o.total ?? o.total_price),
      State: (o) => (o.cancelled_at ? "cancelled" : String(o.financial ?? "").toLowerCase()),
      Items: (o) =>
        list(o.lines ?? o.line_items)
          .map((line) => `${line.quantity} × ${line.sku ?? line.title}`)
          .join(", "),
      Tags: (o) => list(o.tags).join(", "),
    },
    products: {
      SKU: (p) => p.sku,
      Product: (p) => p.title ?? p.product_title,
      Price: (p) => money(p.price),
      Stock: (p) => (typeof p.available === "object" ? list(p.available).join(" / ") : (p.available ?? "")),
    },
  };
  async function show() {
    const answer = await fetch(`/_sandbox/shops/${page.domain}`);
    if (!answer.ok) {
      box.textContent = "The shop part of the sandbox is not there.";
      return;
    }
    const data = await answer.json();
    let rows =
      page.kind === "orders"
        ? list(data.orders).reverse()
        : list(data.products).flatMap((p) =>
            p.variants ? list(p.variants).map((v) => ({ ...p, ...v, title: p.title })) : [p],
          );
    if (page.item)
      rows = rows.filter(
        (row) => String(row.id ?? row.product_id ?? "").endsWith(`/${page.item}`) || String(row.id) === page.item,
      );
    if (!rows.length) {
      box.textContent = page.kind === "orders" ? "No orders yet." : "No products yet.";
      return;
    }
    const columns = COLUMNS[page.kind];
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    head.append(
      ...Object.keys(columns).map((name) =>
        Object.assign(document.createElement("th"), { textContent: name, scope: "col" }),
      ),
    );
    const body = table.createTBody();
    for (const row of rows.slice(0, 200)) {
      const line = body.insertRow();
      for (const read of Object.values(columns)) line.insertCell().textContent = String(read(row) ?? "");
    }
    box.replaceChildren(table);
  }
  show();
  setInterval(() => {
    if (!document.hidden) show();
  }, 4000);
})();
