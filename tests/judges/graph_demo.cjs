// Reads back with Microsoft's Graph SDK for JavaScript what graph_demo.py put through the API.
//
// usage: GRAPH_TOKEN=... node graph_demo.cjs SIMULATOR_URL ADDRESS
"use strict";

const { Client, HTTPMessageHandler } = require("@microsoft/microsoft-graph-client");

const [simulator, address] = process.argv.slice(2);
// The SDK's own way with tokens sends them to https addresses only; the simulator has none.
const client = Client.initWithMiddleware({
  baseUrl: `${simulator}/graph`,
  defaultVersion: "v1.0",
  middleware: new HTTPMessageHandler(),
});
let wrong = 0;

function check(what, found, wanted) {
  const holds = JSON.stringify(found) === JSON.stringify(wanted);
  console.log((holds ? "ok    " : "WRONG ") + what + (holds ? "" : `: ${JSON.stringify(found)}`));
  wrong += holds ? 0 : 1;
}

async function main() {
  const page = await client
    .api(`/users/${address}/calendarView`)
    .query({ startDateTime: "2027-04-01T00:00:00Z", endDateTime: "2027-06-01T00:00:00Z" })
    .header("Prefer", 'outlook.timezone="W. Europe Standard Time"')
    .header("Authorization", `Bearer ${process.env.GRAPH_TOKEN}`)
    .top(100)
    .get();
  const named = (subject) =>
    page.value.filter((event) => event.subject === subject)
      .sort((a, b) => a.start.dateTime.localeCompare(b.start.dateTime));
  check("javascript: one event, with its meaning",
    named("From the ERP").map((e) => [e.start.dateTime.slice(0, 16), e.end.dateTime.slice(0, 16),
      e.location.displayName, e.importance, e.categories, e.showAs, e.body.content.includes("Boiler")]),
    [["2027-04-07T11:00", "2027-04-07T11:45", "Site 7", "low", ["Service"], "free", true]]);
  check("javascript: the occurrences of the series",
    named("ERP round").map((e) => [e.start.dateTime.slice(5, 13), e.type]),
    [["04-05T10", "occurrence"], ["04-13T15", "exception"], ["04-26T10", "occurrence"], ["05-03T10", "occurrence"]]);
  check("javascript: what is private", named("Private from the ERP").map((e) => e.sensitivity), ["private"]);
  check("javascript: whole days",
    named("ERP fair").map((e) => [e.isAllDay, e.start.dateTime.slice(0, 16), e.end.dateTime.slice(0, 16)]),
    [[true, "2027-04-20T00:00", "2027-04-22T00:00"]]);
}

main().then(() => process.exit(wrong ? 1 : 0), (error) => {
  console.error(`WRONG ${error.statusCode ?? ""} ${error.code ?? ""} ${error.message}`);
  process.exit(1);
});
