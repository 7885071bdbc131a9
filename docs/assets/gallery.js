// The gallery's search box and filters. The address keeps what is chosen, so that a
// filtered gallery can be linked to.
"use strict";

(() => {
  const form = document.getElementById("gallery-filters");
  if (form === null) {
    return;
  }
  const cards = [...document.querySelectorAll("#gallery .card")];
  const count = document.getElementById("gallery-count");
  const empty = document.getElementById("gallery-empty");

  function update() {
    const chosen = Object.fromEntries(new FormData(form));
    const words = chosen.search.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const matches =
        words.every((word) => card.dataset.words.includes(word)) &&
        ["family", "action", "observation"].every(
          (name) => !chosen[name] || card.dataset[name] === chosen[name],
        );
      card.hidden = !matches;
      shown += matches;
    }
    count.textContent = `${shown} environment${shown === 1 ? "" : "s"}`;
    empty.hidden = shown > 0;
    const kept = new URLSearchParams(
      Object.entries(chosen).filter(([, value]) => value !== ""),
    ).toString();
    history.replaceState(null, "", kept ? `?${kept}` : location.pathname);
  }

  for (const [name, value] of new URLSearchParams(location.search)) {
    if (form.elements[name]) {
      form.elements[name].value = value;
    }
  }
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
