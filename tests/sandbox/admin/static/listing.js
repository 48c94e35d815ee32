/* The shop's own orders and products, read through the control API: what the app wrote, seen from the shop's side. */
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const box = document.getElementById("listing");
  const when = (text) => new Date(text).toLocaleString();
  const money = (amount, currency) => Number(amount).toLocaleString(undefined, { style: "currency", currency });
  const COLUMNS = {
    orders: {
      Order: (order) => order.name,
      Date: (order) => when(order.created_at),
      Total: (order) => money(order.totals.shop.total, order.currency),
      State: (order) => (order.cancelled_at ? "cancelled" : order.financial.toLowerCase()),
      Shipped: (order) => order.fulfillment.toLowerCase().replace("_", " "),
      Items: (order) => order.lines.map((line) => `${line.quantity} × ${line.sku || line.title}`).join(", "),
      Tags: (order) => order.tags.join(", "),
    },
    products: {
      SKU: (product) => product.sku,
      Product: (product) => product.title,
      Price: (product, shop) => money(product.price, shop.currency),
      Stock: (product) => product.available,
    },
  };
  async function show() {
    const answer = await fetch(`/_sandbox/shops/${page.domain}`);
    if (!answer.ok) {
      box.textContent = "The shop part of the sandbox is not there.";
      return;
    }
    const shop = await answer.json();
    const named = (row) => [row.id, row.product_id].some((id) => String(id ?? "").endsWith(`/${page.item}`));
    const rows = shop[page.kind].filter((row) => !page.item || named(row)).reverse();
    if (!rows.length) {
      box.textContent = `No ${page.kind} yet.`;
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
      for (const read of Object.values(columns)) line.insertCell().textContent = String(read(row, shop) ?? "");
    }
    box.replaceChildren(table);
  }
  show();
  setInterval(() => {
    if (!document.hidden) show();
  }, 4000);
})();
