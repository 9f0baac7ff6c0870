// Asks an endpoint one SELECT, one ASK and one CONSTRUCT with Comunica, and prints the answers as JSON.
// Run as: node comunica.mjs ENDPOINT
import { QueryEngine } from "@comunica/query-sparql";

const [endpoint] = process.argv.slice(2);
const engine = new QueryEngine();
const PREFIXES = `
  PREFIX cyb: <https://w3id.org/cybilgraph/ontology#>
  PREFIX dcterms: <http://purl.org/dc/terms/>`;
// Once told that it is an endpoint; once found out by the engine, from the service description.
for (const source of [{ type: "sparql", value: endpoint }, endpoint]) {
  const sources = [source];
  const bindings = await engine.queryBindings(
    `${PREFIXES} SELECT ?project ?title { ?project a cyb:Project ; dcterms:title ?title } ORDER BY ?title`,
    { sources },
  );
  const rows = (await bindings.toArray()).map((row) => [row.get("project").value, row.get("title").value]);
  const yes = await engine.queryBoolean(`${PREFIXES} ASK { ?project a cyb:Project }`, { sources });
  const quads = await engine.queryQuads(
    `${PREFIXES} CONSTRUCT { ?project dcterms:title ?title } { ?project dcterms:title ?title ; a cyb:Project }`,
    { sources },
  );
  const triples = (await quads.toArray()).map((quad) => [quad.subject.value, quad.object.value]);
  console.log(JSON.stringify({ rows, yes, triples }));
}
