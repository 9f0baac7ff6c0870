// Detect what the columns of a result contain, which decides the charts to offer.

const XSD = "http://www.w3.org/2001/XMLSchema#";
const NUMBERS = new Set(["integer", "decimal", "double", "float", "int", "long", "nonNegativeInteger"].map((name) => XSD + name));
const DATES = new Set(["gYear", "gYearMonth", "date", "dateTime"].map((name) => XSD + name));
/** The number of rows to inspect. */
const SAMPLE_ROWS = 500;

/** Describe each column: its name, its number of distinct values, and whether they are numbers, dates, countries, IRIs or text. */
export function describe(names, rows, terms) {
  const sample = rows.slice(0, SAMPLE_ROWS);
  return names.map((name) => {
    const cells = sample.map((row) => row[name]).filter(Boolean);
    const all = (test) => cells.length > 0 && cells.every(test);
    const number = all((cell) => NUMBERS.has(cell.datatype));
    const year = number && /year/i.test(name) && all((cell) => cell.value >= 1000 && cell.value <= 2999);
    return {
      name,
      distinct: new Set(cells.map((cell) => cell.value)).size,
      number: number && !year,
      date: year || all((cell) => DATES.has(cell.datatype)),
      country: all((cell) => cell.type === "uri" && terms.kind(cell.value) === "country"),
      thing: all((cell) => cell.type === "uri"),
      text: all((cell) => cell.type === "literal" && !NUMBERS.has(cell.datatype) && !DATES.has(cell.datatype)),
    };
  });
}

/** Return a function that labels a cell: with the graph's label, else that of a label column, else its value. */
export function labelling(names, terms) {
  return (row, name) => {
    const cell = row[name];
    if (!cell) return "";
    if (cell.type !== "uri") return cell.value;
    const known = terms.of(cell.value)?.label;
    if (known) return known;
    const candidates = [`${name}Name`, `${name}Label`, `${name}Title`, ...(terms.kind(cell.value) === "project" ? ["title"] : [])];
    const column = candidates.find((other) => names.includes(other));
    return (column && row[column]?.value) || terms.short(cell.value);
  };
}

/** Convert a date of any precision to a fractional year: the start of the day, month or year, or its end. */
export function moment(value, end = false) {
  const [, year, month, day] = /^(-?\d{4,})(?:-(\d\d))?(?:-(\d\d))?/.exec(value) ?? [];
  if (!year) return NaN;
  if (!month) return Number(year) + (end ? 1 : 0);
  if (!day) return Number(year) + (Number(month) - (end ? 0 : 1)) / 12;
  return Number(year) + (Number(month) - 1) / 12 + (Number(day) - (end ? 0 : 1)) / 372;
}
