// ews-javascript-api decodes the pages that `decode` left in a directory.
//
// Its service runs whole, with a transport that hands it the stored bytes: what is timed is the
// building of a small request, the XML parser and the conversion to its items. No network. Prints
// one JSON object.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const ews = require("ews-javascript-api");

/** Answers every request with the page at hand. */
class StoredPages {
  get apiName() {
    return "stored pages";
  }
  xhr(options) {
    return Promise.resolve({
      status: 200,
      response: this.text,
      responseText: this.text,
      responseXML: undefined,
      finalUrl: options.url,
      getAllResponseHeaders: () => "content-type: text/xml; charset=utf-8",
      getResponseHeader: (name) => (name.toLowerCase() === "content-type" ? "text/xml" : null),
    });
  }
  xhrStream() {
    throw new Error("nothing is streamed here");
  }
}

async function decode(pages, service, transport) {
  const shape = ews.PropertySet.FirstClassProperties;
  const calendar = new ews.FolderId(ews.WellKnownFolderName.Calendar);
  let items = 0;
  for (const { kind, text, ids } of pages) {
    transport.text = text;
    if (kind === "changes") {
      await service.SyncFolderItems(calendar, shape, null, 100, ews.SyncFolderItemsScope.NormalItems, null);
      continue;
    }
    const answer = await service.BindToItems(ids, shape);
    for (const { Result, Item, ErrorMessage } of answer.Responses) {
      if (Result !== ews.ServiceResult.Success) throw new Error(ErrorMessage);
      // An item that was not understood would have no start.
      if (!Item.Start || !Item.Subject) throw new Error("an item is empty");
      items += 1;
    }
  }
  return items;
}

function rates(amount, seconds) {
  const sorted = seconds.map((time) => amount / time).sort((a, b) => a - b);
  return { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] };
}

async function main() {
  const [directory, runs] = [process.argv[2], Number(process.argv[3])];
  let bytes = 0;
  const files = fs.readdirSync(directory).filter((name) => name.endsWith(".xml")).sort();
  const pages = files.map((name) => {
    const content = fs.readFileSync(path.join(directory, name));
    bytes += content.length;
    const text = content.toString("utf8");
    const count = text.split("GetItemResponseMessage ").length - 1;
    const ids = Array.from({ length: count }, (_, number) => new ews.ItemId(`item-${number}`));
    return { kind: path.basename(name, ".xml").split("-")[1], text, ids };
  });
  const transport = new StoredPages();
  ews.ConfigurationApi.ConfigureXHR(transport);
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013_SP1);
  service.Url = new ews.Uri("http://127.0.0.1:9/EWS/Exchange.asmx");
  service.Credentials = new ews.WebCredentials("nobody", "nothing");
  const items = await decode(pages, service, transport);
  const seconds = [];
  for (let run = 0; run < runs; run += 1) {
    const start = process.hrtime.bigint();
    await decode(pages, service, transport);
    seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  const model = {
    itemsPerSecond: rates(items, seconds),
    megabytesPerSecond: rates(bytes / 1e6, seconds),
  };
  console.log(JSON.stringify({ items, bytes, runs, model }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
