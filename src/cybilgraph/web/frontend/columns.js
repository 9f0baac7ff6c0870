// What the columns of an answer hold, so that each picture is offered where it can be drawn.

const XSD = "http://www.w3.org/2001/XMLSchema#";
const NUMBERS = new Set(["integer", "decimal", "double", "float", "int", "long", "nonNegativeInteger"].map((name) => XSD + name));
const DATES = new Set(["gYear", "gYearMonth", "date", "dateTime"].map((name) => XSD + name));
/** Rows that are looked at to tell what a column holds. */
const LOOKED_AT = 500;

/** Of each column: its name, how many different values it has, and whether they are numbers, dates, years, countries or things with a name. */
export function describe(names, rows, terms) {
  const sample = rows.slice(0, LOOKED_AT);
  return names.map((name) => {
    const cells = sample.map((row) => row[name]).filter(Boolean);
    const all = (test) => cells.length > 0 && cells.every(test);
    const number = all((cell) => NUMBERS.has(cell.datatype));
    const year = number && /year/i.test(name) && all((cell) => cell.value >= 1000 && cell.value <= 2999);
    return {
      name,
      different: new Set(cells.map((cell) => cell.value)).size,
      number: number && !year,
      date: year || all((cell) => DATES.has(cell.datatype)),
      country: all((cell) => cell.type === "uri" && terms.kind(cell.value) === "country"),
      thing: all((cell) => cell.type === "uri"),
      text: all((cell) => cell.type === "literal" && !NUMBERS.has(cell.datatype) && !DATES.has(cell.datatype)),
    };
  });
}

/** What a picture calls the value of a cell: our own label, that of the column beside it, or the value. */
export function naming(names, terms) {
  return (row, name) => {
    const cell = row[name];
    if (!cell) return "";
    if (cell.type !== "uri") return cell.value;
    const known = terms.of(cell.value)?.label;
    if (known) return known;
    const beside = [`${name}Name`, `${name}Label`, `${name}Title`, ...(terms.kind(cell.value) === "project" ? ["title"] : [])];
    const column = beside.find((other) => names.includes(other));
    return (column && row[column]?.value) || terms.short(cell.value);
  };
}

/** A date of any precision as a year with a fraction; at its end where that is asked for. */
export function moment(value, end = false) {
  const [, year, month, day] = /^(-?\d{4,})(?:-(\d\d))?(?:-(\d\d))?/.exec(value) ?? [];
  if (!year) return NaN;
  if (!month) return Number(year) + (end ? 1 : 0);
  if (!day) return Number(year) + (Number(month) - (end ? 0 : 1)) / 12;
  return Number(year) + (Number(month) - 1) / 12 + (Number(day) - (end ? 0 : 1)) / 372;
}
