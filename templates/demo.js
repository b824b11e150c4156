// Looks every second whether the pull request changed, and shows it; folds that were opened stay open.
"use strict";

const live = document.getElementById("live");
let shown = null;

function folds() {
  return [...live.querySelectorAll("details")].map((fold, at) => [fold, `${at} ${fold.querySelector("summary")?.textContent}`]);
}

async function look() {
  try {
    const answer = await fetch(live.dataset.live);
    const text = answer.ok ? await answer.text() : shown;
    const busy = live.contains(document.activeElement) && document.activeElement.matches("select");
    if (shown !== null && text !== shown && !busy) {
      const states = new Map(folds().map(([fold, name]) => [name, fold.open]));
      live.innerHTML = text;
      for (const [fold, name] of folds()) {
        if (states.has(name)) fold.open = states.get(name);
      }
    }
    if (!busy) shown = text;
    document.body.classList.toggle("away", !answer.ok);
  } catch {
    document.body.classList.add("away");
  }
  setTimeout(look, 1000);
}

if (live) look();
