// Buttons that copy a text, where scripts run: they are hidden without.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const said = document.getElementById("said");
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = button.dataset.copied;
      if (said) said.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(source); // the person copies it by hand
    }
  });
}
