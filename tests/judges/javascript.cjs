#!/usr/bin/env node
// An independent judge: ews-javascript-api uses the simulator.
//
// usage: node javascript.cjs SIMULATOR_URL      (NODE_PATH names where the package is)
//
// Binds folders, creates, reads, changes and deletes an appointment and a series, follows them with
// SyncFolderItems and looks at them through a calendar view. Ends with status 1 when something differs.
"use strict";

const {
  Appointment, AppointmentSchema, BasePropertySet, BodyType, CalendarFolder, CalendarView, ChangeType,
  ConflictResolutionMode, DateTime, DayOfTheWeek, DeleteMode, EwsLogging, ExchangeService, ExchangeVersion, Folder,
  FolderId, ItemSchema, ItemView, LegacyFreeBusyStatus, MessageBody, PropertySet, Recurrence, SearchFilter,
  SendCancellationsMode, SendInvitationsMode, SendInvitationsOrCancellationsMode, Sensitivity, SyncFolderItemsScope,
  Uri, WebCredentials, WellKnownFolderName,
} = require("ews-javascript-api");

const simulator = process.argv[2].replace(/\/+$/, "");
let wrong = 0;

function check(what, holds, detail) {
  console.log((holds ? "ok    " : "WRONG ") + what + (holds || detail === undefined ? "" : `: ${detail}`));
  if (!holds) wrong += 1;
}

function same(what, found, wanted) {
  check(what, JSON.stringify(found) === JSON.stringify(wanted), `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

/** A DateTime as text in UTC, to the minute. */
function utc(moment) {
  return new Date(moment.TotalMilliSeconds).toISOString().slice(0, 16);
}

function connect() {
  const service = new ExchangeService(ExchangeVersion.Exchange2013);
  service.Credentials = new WebCredentials("casey@tidemark.example", "Passw0rd!");
  service.Url = new Uri(`${simulator}/EWS/Exchange.asmx`);
  return service;
}

/** All changes of the calendar since a state, in pages of two. */
async function synchronise(service, state) {
  const changes = [];
  for (let page = 0; page < 50; page += 1) {
    const answer = await service.SyncFolderItems(
      new FolderId(WellKnownFolderName.Calendar), PropertySet.IdOnly, [], 2,
      SyncFolderItemsScope.NormalItems, state);
    changes.push(...answer.GetEnumerator());
    state = answer.SyncState;
    if (!answer.MoreChangesAvailable) return { changes, state };
  }
  throw new Error("the calendar never ends");
}

async function single(service) {
  const before = await synchronise(service, null);
  const made = new Appointment(service);
  made.Subject = "Made by JavaScript";
  made.Body = new MessageBody(BodyType.Text, "Line one\nLine two");
  made.Location = "Yard";
  made.Start = new DateTime("2027-06-01T08:00:00Z");
  made.End = new DateTime("2027-06-01T09:30:00Z");
  made.Sensitivity = Sensitivity.Private;
  made.LegacyFreeBusyStatus = LegacyFreeBusyStatus.OOF;
  made.ReminderMinutesBeforeStart = 20;
  made.Categories.Add("Blue");
  await made.Save(WellKnownFolderName.Calendar, SendInvitationsMode.SendToNone);
  check("a new appointment has an id", Boolean(made.Id && made.Id.UniqueId));

  const wanted = new PropertySet(BasePropertySet.FirstClassProperties);
  wanted.RequestedBodyType = BodyType.Text;
  const read = await Appointment.Bind(service, made.Id, wanted);
  same("it reads back", [read.Subject, utc(read.Start), utc(read.End), read.Location, read.Body.Text.replace(/\r/g, ""),
    Sensitivity[read.Sensitivity], LegacyFreeBusyStatus[read.LegacyFreeBusyStatus], read.ReminderMinutesBeforeStart,
    read.Categories.GetEnumerator()],
  ["Made by JavaScript", "2027-06-01T08:00", "2027-06-01T09:30", "Yard", "Line one\nLine two", "Private", "OOF", 20, ["Blue"]]);

  const appeared = await synchronise(service, before.state);
  same("a sync tells of it once", appeared.changes.map((change) => [change.ChangeType, change.ItemId.UniqueId]), [[ChangeType.Create, made.Id.UniqueId]]);

  read.Subject = "Changed by JavaScript";
  read.Start = new DateTime("2027-06-02T10:00:00Z");
  read.End = new DateTime("2027-06-02T11:00:00Z");
  await read.Update(ConflictResolutionMode.AutoResolve, SendInvitationsOrCancellationsMode.SendToNone);
  const again = await Appointment.Bind(service, made.Id, new PropertySet(BasePropertySet.IdOnly,
    [ItemSchema.Subject, AppointmentSchema.Start, AppointmentSchema.End, AppointmentSchema.Location]));
  same("the change is there, and nothing else changed", [again.Subject, utc(again.Start), utc(again.End), again.Location],
    ["Changed by JavaScript", "2027-06-02T10:00", "2027-06-02T11:00", "Yard"]);
  check("the change key moved on", again.Id.ChangeKey !== made.Id.ChangeKey);

  const filter = new SearchFilter.IsEqualTo(ItemSchema.Subject, "Changed by JavaScript");
  const found = await service.FindItems(WellKnownFolderName.Calendar, filter, new ItemView(10));
  same("a search by subject finds it", found.Items.map((item) => item.Id.UniqueId), [made.Id.UniqueId]);

  await again.Delete(DeleteMode.MoveToDeletedItems, SendCancellationsMode.SendToNone);
  const gone = await synchronise(service, appeared.state);
  same("a sync tells that it is gone", gone.changes.map((change) => [change.ChangeType, change.ItemId.UniqueId]), [[ChangeType.Delete, made.Id.UniqueId]]);
}

async function series(service) {
  const made = new Appointment(service);
  made.Subject = "JavaScript round";
  made.Start = new DateTime("2027-06-07T08:00:00Z");
  made.End = new DateTime("2027-06-07T09:00:00Z");
  made.Recurrence = new Recurrence.WeeklyPattern(made.Start, 1, [DayOfTheWeek.Monday]);
  made.Recurrence.StartDate = made.Start;
  made.Recurrence.NumberOfOccurrences = 4;
  await made.Save(WellKnownFolderName.Calendar, SendInvitationsMode.SendToNone);
  const view = new CalendarView(new DateTime("2027-06-01T00:00:00Z"), new DateTime("2027-07-01T00:00:00Z"));
  const starts = async () => {
    const answer = await service.FindAppointments(WellKnownFolderName.Calendar, view);
    return answer.Items.filter((item) => item.Subject === "JavaScript round").map((item) => utc(item.Start));
  };
  same("a view shows the occurrences", await starts(),
    ["2027-06-07T08:00", "2027-06-14T08:00", "2027-06-21T08:00", "2027-06-28T08:00"]);
  const second = await Appointment.BindToOccurrence(service, made.Id, 2);
  await second.Delete(DeleteMode.MoveToDeletedItems, SendCancellationsMode.SendToNone);
  const third = await Appointment.BindToOccurrence(service, made.Id, 3);
  third.Start = new DateTime("2027-06-22T12:00:00Z");
  third.End = new DateTime("2027-06-22T13:00:00Z");
  await third.Update(ConflictResolutionMode.AutoResolve, SendInvitationsOrCancellationsMode.SendToNone);
  same("one is taken out and one moved", await starts(), ["2027-06-07T08:00", "2027-06-22T12:00", "2027-06-28T08:00"]);
  const master = await Appointment.Bind(service, made.Id);
  same("the series knows them", [master.ModifiedOccurrences.Count, master.DeletedOccurrences.Count], [1, 1]);
  await master.Delete(DeleteMode.HardDelete, SendCancellationsMode.SendToNone);
  same("the series is gone", await starts(), []);
}

async function main() {
  EwsLogging.DebugLogEnabled = false;
  const service = connect();
  const calendar = await CalendarFolder.Bind(service, WellKnownFolderName.Calendar);
  same("the calendar is bound", calendar.DisplayName, "Calendar");
  const tasks = await Folder.Bind(service, WellKnownFolderName.Tasks);
  same("the tasks are bound", tasks.DisplayName, "Tasks");
  await single(service);
  await series(service);
  const intruder = connect();
  intruder.Credentials = new WebCredentials("casey@tidemark.example", "wrong");
  const refused = await CalendarFolder.Bind(intruder, WellKnownFolderName.Calendar).then(() => false, () => true);
  check("a wrong password is refused", refused);
  console.log(`${wrong} wrong`);
  process.exit(wrong ? 1 : 0);
}

main().catch((error) => {
  console.log(`WRONG ${error && error.stack ? error.stack : error}`);
  process.exit(1);
});
