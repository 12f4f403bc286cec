// Refreshes parts of a page, and lets a reader pause that. Everything works without it.
"use strict";
(() => {
  let paused = false;

  async function refresh(part) {
    const seconds = Number(part.dataset.refresh);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    if (paused || document.hidden || part.contains(document.activeElement)) return refresh(part);
    let fresh = null;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html", "x-livedash-refresh": "1" } });
      if (answer.redirected) return location.reload();
      // What was being counted could not be: the page of the problem says so, where this one would count for ever. A limit of
      // rate and a proxy without its server pass by themselves.
      if (!answer.ok && seconds === 1 && ![429, 502, 504].includes(answer.status)) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
    } catch {
      part.dataset.refresh = Math.min(seconds * 2, 60);
      return refresh(part);
    }
    if (!fresh) return;
    part.replaceWith(fresh);
    showPause();
    if (fresh.dataset.refresh) refresh(fresh);
  }

  function showPause() {
    const goesOn = document.querySelector("[data-refresh]") !== null;
    for (const button of document.querySelectorAll("button.pause")) button.hidden = !goesOn;
  }

  for (const part of document.querySelectorAll("[data-refresh][id]")) refresh(part);

  showPause();
  for (const button of document.querySelectorAll("button.pause")) {
    button.addEventListener("click", () => {
      paused = !paused;
      button.setAttribute("aria-pressed", paused);
      button.textContent = paused ? "Go on" : "Pause";
    });
  }

  for (const box of document.querySelectorAll("input[data-all]")) {
    box.hidden = false;
    box.addEventListener("change", () => {
      for (const one of document.querySelectorAll(`input[name="${box.dataset.all}"]`)) one.checked = box.checked;
    });
  }
})();
