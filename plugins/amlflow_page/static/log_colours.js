// Makes the colours that a log gives as numbers readable in both themes. A terminal's 16 named colours are in log.css.

// Behind a marked line of a log, which is nearer to the text than behind other lines: --aml-active on --aml-soft.
const BACKGROUNDS = { light: [209, 222, 232], dark: [48, 65, 79] };
const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];
const READABLE = 4.5; // the contrast that WCAG 2 asks for
const STEPS = 20;

// Returns how bright a colour is: 0 for black, 1 for white.
function brightness(rgb) {
  const [red, green, blue] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one, other) {
  const [darker, brighter] = [brightness(one), brightness(other)].sort((a, b) => a - b);
  return (brighter + 0.05) / (darker + 0.05);
}

function moreReadable(background) {
  return contrast(BLACK, background) > contrast(WHITE, background) ? BLACK : WHITE;
}

// Returns the colour, mixed with as much black or white as makes it readable on the background.
export function readable(colour, background) {
  const aim = moreReadable(background);
  for (let step = 0; step < STEPS; step++) {
    const mixed = colour.map((part, index) => Math.round(part + ((aim[index] - part) * step) / STEPS));
    if (contrast(mixed, background) >= READABLE) return mixed;
  }
  return aim;
}

function parse(text) {
  const parts = text.match(/\d+/g);
  return parts?.slice(0, 3).map(Number);
}

function css(rgb) {
  return `rgb(${rgb.join(", ")})`;
}

// Replaces the colours in the style of an element that shows a part of a log's line.
export function makeReadable(element) {
  const { style } = element;
  const text = parse(style.color);
  const background = parse(style.backgroundColor);
  if (background) {
    style.color = css(readable(text ?? moreReadable(background), background));
  } else if (text) {
    style.color = "";
    if (element.matches("[class*='-bg']")) return; // on a named background, log.css chooses the colour of the text
    for (const [theme, behind] of Object.entries(BACKGROUNDS))
      style.setProperty(`--on-${theme}`, css(readable(text, behind)));
    element.classList.add("ansi-mixed-fg");
  }
}
