// The customer's pages work without this. It finds platforms while one types, and waits to be told
// that there is something new to show; where it is not told, it asks, ever less often.
"use strict";

// The list follows what is typed; the button does the same without this.
const finder = document.querySelector("[data-find]");
let typed = 0;

async function find() {
  const mine = ++typed;
  const address = `${finder.action}?${new URLSearchParams(new FormData(finder))}`;
  const answer = await fetch(address, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = page.querySelectorAll("[data-found]");
  const held = document.querySelectorAll("[data-found]");
  if (mine !== typed || newer.length !== held.length) return; // newer words, or another page by now
  held.forEach((old, at) => old.replaceChildren(...newer[at].childNodes));
  history.replaceState(null, "", address);
}

if (finder) {
  let pause;
  finder.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => find().catch(() => {}), 200);
  });
}

for (const button of document.querySelectorAll("[data-share]")) {
  button.hidden = !navigator.share;
  button.addEventListener("click", () => {
    // Whoever closes the list of apps has changed their mind: nothing is wrong.
    navigator.share({ title: button.dataset.title, text: button.dataset.share }).catch(() => {});
  });
}

const watched = document.querySelector("[data-watch]");
const SILENCE = 10000; // ms; a stream that works says something every two seconds
const ANSWERED = 30000; // ms in which the answer to a form comes, also where Codat is asked for it
let wait = 700;
let timer; // of the next look, where the page is not told
let sent = -ANSWERED; // when a form was sent

addEventListener("submit", () => (sent = performance.now()));

async function show() {
  if (performance.now() < sent + ANSWERED) {
    // To load this page now would break off what the form leads to, a download for one.
    timer = setTimeout(look, 2000);
    return;
  }
  const held = document.querySelectorAll("[data-live]");
  if (!held.length || !(await renew(held))) location.replace(watched.dataset.page);
}

// Put newer figures into the page as it stands, so that what is open or has the focus stays so.
// Gives false when it is another page by now.
async function renew(held) {
  const answer = await fetch(watched.dataset.page, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = page.querySelectorAll("[data-live]");
  const main = page.querySelector("[data-watch]");
  const stage = (element) => element.dataset.stamp.split("-", 2).join();
  if (!main || newer.length !== held.length || stage(main) !== stage(watched)) return false;
  held.forEach((old, at) => {
    if (old.matches("progress")) old.value = newer[at].value;
    else old.replaceChildren(...newer[at].childNodes);
  });
  Object.assign(watched.dataset, main.dataset);
  setTimeout(listen, 1000);
  return true;
}

function listen() {
  const told = new EventSource(watched.dataset.stream);
  let patience;
  function giveUp() {
    clearTimeout(patience);
    told.close();
    look();
  }
  function hear() {
    clearTimeout(patience);
    patience = setTimeout(giveUp, SILENCE);
  }
  hear();
  told.addEventListener("still", hear);
  told.addEventListener("changed", () => {
    clearTimeout(patience);
    told.close();
    show().catch(look);
  });
  told.addEventListener("error", () => {
    if (told.readyState === EventSource.CLOSED) giveUp(); // refused: else the browser tries again
  });
  addEventListener("pagehide", () => told.close(), { once: true });
}

async function look() {
  timer = undefined;
  try {
    const answer = await fetch(watched.dataset.watch, { cache: "no-store" });
    const gone = answer.status === 404;
    if (gone || (answer.ok && (await answer.json()).stamp !== watched.dataset.stamp)) {
      await show();
      return;
    }
  } catch {
    // Nobody answers: ask again later.
  }
  wait = Math.min(wait * 1.3, 10000);
  timer = setTimeout(look, wait);
}

if (watched) {
  // What a form led to is not sent again when it is loaded again.
  history.replaceState(null, "", watched.dataset.page);
  if ("EventSource" in window) listen();
  else look();
  // Somebody who comes back to this page after a while sees at once how things stand.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !timer) return;
    clearTimeout(timer);
    wait = 700;
    look();
  });
}
