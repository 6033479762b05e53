(() => {
  "use strict";
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = { actions: false, ast: true, renderer: "svg", defaultStyle: false };
  const draw = async ([id, spec]) => {
    const place = document.getElementById(id);
    try {
      await vegaEmbed(place, spec, options);
      place.dataset.drawn = "yes";
    } catch (error) {
      place.dataset.drawn = "no";
      place.textContent = "This chart could not be drawn: " + error.message;
    }
  };
  Promise.all(Object.entries(specs).map(draw)).then(() => {
    document.documentElement.dataset.drawn = "all";
  });
})();
