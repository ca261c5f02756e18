"use strict";
// Replaces the live part of the page when a room changes, and every half minute. Data that is old is greyed out.
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const oldAfter = 180000;

  const refresh = async () => {
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) return;
      const now = document.getElementById("live");
      const focused = document.activeElement && now.contains(document.activeElement) ? document.activeElement : null;
      const place = focused ? [...now.querySelectorAll("a, button")].indexOf(focused) : -1;
      now.replaceWith(fresh);
      if (place >= 0) [...fresh.querySelectorAll("a, button")][place]?.focus();
    } catch {
      // The service cannot be reached: the age below shows it.
    }
  };

  const markOld = () => {
    for (const each of document.querySelectorAll("[data-as-of]")) {
      const age = Date.now() - Date.parse(each.dataset.asOf);
      const shown = each.closest(".card") || each.closest("main");
      if (!(age <= oldAfter)) shown.classList.add("old");
    }
  };

  let planned = 0;
  const soon = () => {
    clearTimeout(planned);
    planned = setTimeout(refresh, 100 + Math.random() * 300);
  };
  const events = new EventSource("/events");
  events.addEventListener("room", soon);
  events.addEventListener("open", soon);
  setInterval(refresh, 30000);
  setInterval(markOld, 10000);
})();
