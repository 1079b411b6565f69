// The customer's pages work without this. It offers to copy keys, and asks, ever less often,
// whether there is something new to show.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(source); // the person copies it by hand
    }
  });
}

const watched = document.querySelector("[data-watch]");
let wait = 700;

async function look() {
  try {
    const answer = await fetch(watched.dataset.watch, { cache: "no-store" });
    const gone = answer.status === 404;
    if (gone || (answer.ok && (await answer.json()).stamp !== watched.dataset.stamp)) {
      location.replace(watched.dataset.page);
      return;
    }
  } catch {
    // Nobody answers: ask again later.
  }
  wait = Math.min(wait * 1.3, 10000);
  setTimeout(look, wait);
}

if (watched) {
  setTimeout(look, wait);
  // Somebody who comes back to this page after a while sees at once how things stand.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) wait = 700;
  });
}
