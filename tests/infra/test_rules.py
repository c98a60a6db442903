"""The template keeps the rules, and each rule finds what it is for."""

import copy
import unittest

import rules


class Kept(unittest.TestCase):
    """The project as it is."""

    def test_nothing_is_wrong(self) -> None:
        if problems := rules.problems(rules.Project.load()):
            self.fail("\n".join(["this is wrong:", *problems]))


class Found(unittest.TestCase):
    """The project with one thing made wrong."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.right = rules.Project.load()

    def setUp(self) -> None:
        self.project = copy.deepcopy(self.right)
        self.resources = self.project.template["Resources"]

    def finds(self, rule, words: str) -> None:
        found = list(rule(self.project))
        self.assertTrue(any(words in problem for problem in found), found)

    def properties(self, name: str) -> dict:
        return self.resources[name]["Properties"]

    def statement(self, role: str, sid: str) -> dict:
        every = self.properties(role)["Policies"][0]["PolicyDocument"]["Statement"]
        return next(one for one in every if one["Sid"] == sid)

    def test_schedules(self) -> None:
        wrong = ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(30 seconds)", "rate(1.5 hours)",
                 "cron(0 10 * * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(60 10 * * ? *)",
                 "every minute"]
        for expression in wrong:
            self.assertIsNotNone(rules.schedule_problem(expression), expression)
        for expression in ["rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "cron(0/15 8-18 ? * MON-FRI *)"]:
            self.assertIsNone(rules.schedule_problem(expression), expression)
        self.properties("SweepTick")["ScheduleExpression"] = "rate(1 minutes)"
        self.finds(rules.schedules, "wrong number")

    def test_policies(self) -> None:
        self.statement("SyncRole", "Table")["Action"].append("dynamodb:*")
        self.finds(rules.policies, "dynamodb:* is a wildcard")
        self.statement("ApiRole", "Queue")["Resource"] = "*"
        self.finds(rules.policies, "ApiRole, statement Queue: allows it for every resource")
        self.statement("SweepRole", "Table")["Resource"] = {"Fn::Sub": "${Table.Arn}/*"}
        self.finds(rules.policies, "the resource ${Table.Arn}/* is a wildcard")
        self.statement("DeliverRole", "Logs")["NotResource"] = "x"
        self.finds(rules.policies, "what is excepted")
        self.properties("GraphWebhook")["Role"] = {"Fn::GetAtt": ["EwsWebhookRole", "Arn"]}
        self.finds(rules.policies, "GraphWebhook: has no role of its own")

    def test_needs(self) -> None:
        self.statement("DeliverRole", "Table")["Action"].append("dynamodb:Scan")
        self.finds(rules.needs, "deliver: dynamodb:Scan (Table) stands in only one")
        del self.project.needs["sync", "Queue", "sqs:SendMessage"]
        self.finds(rules.needs, "sync: sqs:SendMessage (Queue) stands in only one")
        self.project.needs.pop(rules.SAMPLE[0])
        self.finds(rules.needs, "which nobody holds")
        self.statement("ApiRole", "Checks")["Resource"] = ["a", "b"]
        self.finds(rules.needs, "ApiRole, statement Checks: of several")

    def test_variables(self) -> None:
        common = self.project.template["Globals"]["Function"]["Environment"]["Variables"]
        common["TIDEMARK_SPEED"] = common.pop("TIDEMARK_TABLE")
        self.finds(rules.variables, "sets TIDEMARK_SPEED, and no page")
        self.finds(rules.variables, "TIDEMARK_TABLE is documented, and the template does not")
        self.project.read.remove("TIDEMARK_QUEUE_URL")
        self.finds(rules.variables, "TIDEMARK_QUEUE_URL is documented, and no code")
        self.project.read.add("TIDEMARK_HIDDEN")
        self.finds(rules.variables, "code reads TIDEMARK_HIDDEN")

    def test_grants(self) -> None:
        self.properties("GraphWebhook")["Environment"]["Variables"]["TIDEMARK_MASTER_KEY_SECRET"] = "x"
        self.finds(rules.grants, "GraphWebhook: TIDEMARK_MASTER_KEY_SECRET and the statement MasterKey")
        del self.properties("Sweep")["Environment"]["Variables"]["TIDEMARK_QUEUE_URL"]
        self.finds(rules.grants, "Sweep: TIDEMARK_QUEUE_URL")
        self.statement("ApiRole", "Queue")["Action"] = ["sqs:SendMessage", "sqs:ReceiveMessage"]
        self.finds(rules.grants, "Api: who works the queue off")

    def test_alarms(self) -> None:
        alarm = self.properties("QueueAgeAlarm")
        alarm["AlarmDescription"] = "See docs/alarms.md#nowhere"
        self.finds(rules.alarms, "QueueAgeAlarm: its description names no section")
        alarm["AlarmDescription"] = "See docs/alarms.md#slow"
        self.finds(rules.alarms, "does not name `queue-age`")
        del self.properties("SyncSlowAlarm")["AlarmActions"]
        self.finds(rules.alarms, "SyncSlowAlarm: tells nobody")
        del self.resources["DeadLettersAlarm"]
        self.finds(rules.alarms, "an alarm dead-letters that is not there")
        self.project.alarms_page = self.project.alarms_page.replace("**Do**", "**Perhaps**")
        self.finds(rules.alarms, "lacks Do")
        self.resources["NewAlarm"] = copy.deepcopy(self.resources["QueueAgeAlarm"])
        self.finds(rules.alarms, "NewAlarm: is not on the dashboard")

    def test_watched(self) -> None:
        del self.resources["TokenRefreshStoppedAlarm"]
        self.finds(rules.watched, "TokenRefreshTick: nobody is told when it no longer calls TokenRefresh")
        self.properties("IndexWritesThrottledAlarm")["Dimensions"].pop()
        self.finds(rules.watched, "Table: nobody is told of WriteThrottleEvents of due")

    def test_metrics(self) -> None:
        self.project.metrics["Speed"] = "Count"
        self.finds(rules.metrics, "the metric Speed is not on the dashboard")
        self.finds(rules.metrics, "do not agree about the metrics [('Speed', 'Count')]")
        self.properties("TokensFailingAlarm")["MetricName"] = "Haste"
        self.finds(rules.metrics, "nobody tells the metric Haste")

    def test_functions(self) -> None:
        self.properties("Sync")["CodeUri"] = "../target/package/api.zip"
        self.finds(rules.functions, "functions/sync and the template do not agree")
        self.properties("Api")["LoggingConfig"]["LogGroup"] = {"Ref": "SyncLogs"}
        self.finds(rules.functions, "Api: has no log of its own")
        del self.properties("SweepLogs")["RetentionInDays"]
        self.finds(rules.functions, "SweepLogs: is kept for ever")
        self.project.template["Parameters"]["RunSeconds"]["Default"] = 50
        self.finds(rules.functions, "less than 15 seconds")
        self.project.template["Parameters"]["QueueVisibilitySeconds"]["Default"] = 60
        self.finds(rules.functions, "comes again while")
        self.project.template["Parameters"]["SyncSlowMs"]["Default"] = 60000
        self.finds(rules.functions, "SyncSlowMs lies not")

    def test_queue(self) -> None:
        self.properties("SyncWork").update({"BatchSize": 10, "FunctionResponseTypes": []})
        del self.properties("Sync")["RecursiveLoop"]
        self.finds(rules.queue, "more than one message")
        self.finds(rules.queue, "cannot say which")
        self.finds(rules.queue, "would stop its chains")
        self.properties("WorkQueue")["FifoThroughputLimit"] = "perQueue"
        self.finds(rules.queue, "WorkQueue: is not in high-throughput mode")

    def test_table(self) -> None:
        self.project.table["SORT"] = "rk"
        self.finds(rules.table, "the store's another")
        self.project.table["DUE_INDEX"] = "later"
        self.finds(rules.table, "is not the store's")
        self.properties("Table")["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False
        self.finds(rules.table, "earlier moment")

    def test_kept(self) -> None:
        del self.resources["Table"]["DeletionPolicy"]
        self.finds(rules.kept, "Table: does not outlive")
        self.properties("MasterKey")["GenerateSecretString"]["PasswordLength"] = 65
        self.finds(rules.kept, "another key")

    def test_ways_in(self) -> None:
        del self.properties("ApiInvokePermission")["InvokedViaFunctionUrl"]
        self.finds(rules.ways_in, "anybody could invoke ApiLive")
        del self.resources["ApiInvokePermission"]
        self.finds(rules.ways_in, "both permissions")
        self.properties("IntakeStage")["AccessLogSettings"]["Format"] = "$context.path"
        self.finds(rules.ways_in, "is a secret")
        del self.properties("IntakeStage")["DefaultRouteSettings"]["ThrottlingRateLimit"]
        self.finds(rules.ways_in, "no rate limit")

    def test_releases(self) -> None:
        self.properties("Sync")["AutoPublishAlias"] = "live"
        self.finds(rules.releases, "Sync: SAM would have")
        self.properties("Api")["Description"] = {"Fn::Sub": "The API"}
        self.finds(rules.releases, "Api: another release")
        del self.resources["SweepVersion"]["UpdateReplacePolicy"]
        self.finds(rules.releases, "Sweep: the release before")
        self.properties("DeliverShiftAlarm")["Dimensions"].pop()
        self.properties("ApiShiftAlarm")["EvaluationPeriods"] = 3
        self.finds(rules.releases, "Deliver: its alarm")
        self.finds(rules.releases, "Api: its alarm")
        self.properties("SyncShift")["AlarmConfiguration"]["Alarms"] = []
        self.finds(rules.releases, "Sync: goes live whatever")
        for caller, key in (("SyncWork", "FunctionName"), ("EwsIntegration", "IntegrationUri"),
                            ("SweepTickPermission", "FunctionName")):
            self.properties(caller)[key] = {"Ref": "Sync"}
            self.finds(rules.releases, f"{caller}: calls")
        self.properties("SweepTick")["Targets"][0]["Arn"] = {"Fn::GetAtt": ["Sweep", "Arn"]}
        self.finds(rules.releases, "SweepTick: calls")
        self.properties("ApiUrl")["Qualifier"] = "$LATEST"
        self.finds(rules.releases, "ApiUrl: calls")
        live = self.resources["ApiLive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["Fn::If"][1]
        live["DeploymentGroupName"] = {"Ref": "SyncShift"}
        self.finds(rules.releases, "CodeDeploy moves")

    def test_parameters(self) -> None:
        del self.project.template["Parameters"]["RunSeconds"]["MinValue"]
        self.finds(rules.parameters, "RunSeconds has no bound")
        self.project.aws_page = self.project.aws_page.replace("| `Egress` |", "| `Ingress` |")
        self.finds(rules.parameters, "Egress stands in only one")
        self.project.template["Outputs"]["More"] = {}
        self.finds(rules.parameters, "the output More")


if __name__ == "__main__":
    unittest.main()
