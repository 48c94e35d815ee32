/* The start page's two forms and its list of sellers, through the control API. */
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const post = async (path, form) => {
    const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    const answer = await fetch(`/_sandbox/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(data.error || `the sandbox answered ${answer.status}`);
    return data;
  };
  const on = (id, path) =>
    $(id).addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await post(path, event.target);
        location.reload();
      } catch (error) {
        $("said").textContent = `Not done: ${error.message}`;
      }
    });
  on("new-shop", "shops");
  on("new-seller", "amazon/sellers");
  fetch("/_sandbox/amazon/sellers")
    .then((answer) => answer.json())
    .then((sellers) => {
      $("sellers").replaceChildren(
        ...sellers.map((one) => {
          const row = document.createElement("li");
          const words = document.createElement("span");
          words.append(
            Object.assign(document.createElement("strong"), { textContent: one.name }),
            Object.assign(document.createElement("small"), {
              textContent: `${one.seller_id} · ${one.region} · ${one.authorisation}`,
            }),
          );
          row.append(words);
          return row;
        }),
      );
    })
    .catch(() => {
      $("sellers").textContent = "The Amazon part is not there.";
    });
})();
