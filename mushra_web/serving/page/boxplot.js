// Scores by condition: box of the quartiles, whiskers to the extremes, median and mean.

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 900;
const LEFT = 190;
const RIGHT = 60;
const ROW = 30;

function shape(kind, attributes, content = "") {
  const element = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = content;
  return element;
}

/**
 * @param {Array<Object>} conditions from the server's overview
 * @param {[number, number]} scale lowest and highest score
 */
export function boxplot(conditions, [low, high]) {
  const height = conditions.length * ROW + 34;
  const x = (score) => LEFT + ((score - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "boxplot", role: "img" });
  svg.setAttribute("aria-label", "Scores by condition");
  for (let step = 0; step <= 5; step++) {
    const score = low + (step * (high - low)) / 5;
    svg.append(
      shape("line", { class: "grid", x1: x(score), x2: x(score), y1: 4, y2: height - 24 }),
      shape("text", { x: x(score), y: height - 6, "text-anchor": "middle" }, Number(score.toFixed(2))),
    );
  }
  conditions.forEach((condition, index) => {
    const middle = 4 + index * ROW + ROW / 2;
    const from = x(condition.lower_quartile);
    const to = x(condition.upper_quartile);
    svg.append(
      shape("text", { class: "name", x: LEFT - 12, y: middle + 4, "text-anchor": "end" }, condition.condition),
      shape("line", { class: "whisker", x1: x(condition.minimum), x2: x(condition.maximum), y1: middle, y2: middle }),
      shape("rect", { class: "box", x: from, y: middle - 8, width: Math.max(1, to - from), height: 16, rx: 3 }),
      shape("line", { class: "median", x1: x(condition.median), x2: x(condition.median), y1: middle - 8, y2: middle + 8 }),
      shape("circle", { class: "mean", cx: x(condition.mean), cy: middle, r: 3 }),
      shape("text", { x: WIDTH - RIGHT + 14, y: middle + 4 }, `n ${condition.n}`),
    );
  });
  return svg;
}
