// Reads dumps as others do: prints a line of JSON for each file, with the statements that it holds.
// The line formats and Turtle are read by N3.js, JSON-LD and RDF/XML by the parsers that Comunica has.
// Run as: node dumps.mjs FILE.gz …
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { StreamParser } from "n3";
import { rdfParser } from "rdf-parse";

const BY_N3 = { nt: "N-Triples", nq: "N-Quads", ttl: "Turtle", trig: "TriG" };
const OTHERS = { jsonld: "application/ld+json", rdf: "application/rdf+xml" };

for (const path of process.argv.slice(2)) {
  const suffix = path.split(".").at(-2);
  const content = createReadStream(path).pipe(createGunzip());
  const quads = suffix in BY_N3
    ? content.pipe(new StreamParser({ format: BY_N3[suffix] }))
    : rdfParser.parse(content, { contentType: OTHERS[suffix] });
  let count = 0;
  for await (const _ of quads) count += 1;
  console.log(JSON.stringify({ suffix, count }));
}
