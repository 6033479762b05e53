"""The charts of the page: what each shows, by which definition, and from which query.

A chart's query is the file of its name in sql/ordergroove/report.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["figures", "line", "movement", "heat", "funnel", "weeks", "table"]

CURRENCY = "currency_code"
UNKNOWN_CURRENCY = "unknown currency"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A column of numbers that is drawn."""

    column: str
    label: str
    colour: str
    """The name of one of the page's colours."""

    sign: int = 1
    """-1 draws it below zero."""

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"{self.column}: the sign is 1 or -1, not {self.sign}")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart. Raises ValueError for one that nobody could read."""

    name: str
    section: str
    title: str
    definition: str
    """What is counted, as a sentence or two for somebody who compares it with another number."""

    empty: str
    """What is said where there are no rows."""

    kind: Kind
    along: str = ""
    """The column that runs along the chart."""

    measures: tuple[Measure, ...] = ()
    split: str = ""
    """The column by whose values the bars are divided."""

    rate: str = ""
    """A column that is told with the bars of its row."""

    is_money: bool = False
    """Amounts of one currency each: every currency gets a panel."""

    is_wide: bool = False
    """Too wide for a phone: it is moved sideways there."""

    def __post_init__(self) -> None:
        if not self.definition.endswith("."):
            raise ValueError(f"{self.name}: a definition is a sentence")
        if not self.empty.endswith("."):
            raise ValueError(f"{self.name}: a reader is owed a sentence where nothing is drawn")
        is_drawn = self.kind not in ("figures", "table")
        if is_drawn != bool(self.measures):
            raise ValueError(f"{self.name}: {self.kind} and {len(self.measures)} measures")


NO_SUBSCRIBERS = "Nobody has subscribed yet: the first subscriber begins this chart."
NO_MONEY = "No subscription has a value yet: there is no recurring revenue to show."
NOTHING_DUE = "No order is waiting to be placed within the next 13 weeks."

CHARTS = (
    Chart(
        name="figures",
        section="Today",
        title="Subscribers",
        definition="Customers with at least one active subscription. Gained: new, or back again."
        " Lost: the last subscription ended.",
        empty=NO_SUBSCRIBERS,
        kind="figures",
    ),
    Chart(
        name="money",
        section="Today",
        title="Money",
        definition="Run-rate: what active subscriptions bring a month at their own rhythm. Earned:"
        " successful recurring orders, without tax and shipping. Due: unsent orders, the overdue"
        " ones included.",
        empty=NO_MONEY,
        kind="figures",
    ),
    Chart(
        name="subscribers",
        section="Subscribers",
        title="Subscribers",
        definition="Customers with at least one active subscription at the end of the day. A"
        " skipped or postponed order does not end a subscription.",
        empty=NO_SUBSCRIBERS,
        kind="line",
        along="date_day",
        measures=(Measure(column="subscribers_at_end", label="subscribers", colour="blue"),),
    ),
    Chart(
        name="subscriber_movement",
        section="Subscribers",
        title="Gained and lost",
        definition="New: the customer's first subscription began. Reactivated: a customer who had"
        " none left began one again. Cancelled: the customer's last one ended. Start plus new"
        " plus reactivated less cancelled is the end of each month; the newest month is not over.",
        empty=NO_SUBSCRIBERS,
        kind="movement",
        along="month_start_date",
        measures=(
            Measure(column="new_subscribers", label="new", colour="blue"),
            Measure(column="reactivated_subscribers", label="reactivated", colour="teal"),
            Measure(column="cancelled_subscribers", label="cancelled", colour="red", sign=-1),
        ),
    ),
    Chart(
        name="revenue",
        section="Recurring revenue",
        title="Recurring revenue",
        definition="Run-rate: what the subscriptions active at the month's end bring a month, each"
        " at its own rhythm; the newest month as it stands now. Realised: the successful recurring"
        " orders of a complete month, without tax and shipping. The checkout that starts a"
        " subscription is in neither.",
        empty=NO_MONEY,
        kind="line",
        along="month_start_date",
        measures=(
            Measure(column="run_rate", label="run-rate", colour="blue"),
            Measure(column="realised", label="realised", colour="amber"),
        ),
        is_money=True,
    ),
    Chart(
        name="revenue_movement",
        section="Recurring revenue",
        title="What moved the run-rate",
        definition="Per customer, the difference between two ends of month. Churn is a customer's"
        " last subscription; less of what goes on is contraction. A change of currency is neither"
        " gain nor loss. The sum of a month's bars is the change of its run-rate.",
        empty=NO_MONEY,
        kind="movement",
        along="month_start_date",
        measures=(
            Measure(column="gained", label="new", colour="blue"),
            Measure(column="reactivated", label="reactivation", colour="teal"),
            Measure(column="expanded", label="expansion", colour="green"),
            Measure(column="contracted", label="contraction", colour="amber"),
            Measure(column="churned", label="churn", colour="red"),
            Measure(column="currency_changed", label="currency change", colour="grey"),
        ),
        is_money=True,
    ),
    Chart(
        name="retention",
        section="Retention",
        title="Cohort retention",
        definition="Of the customers whose first subscription began in a month, the share that was"
        " active at the end of the nth month after it. Only months that are over count. A"
        " customer who comes back counts again. The newest 24 cohorts; their size stands behind"
        " the month.",
        empty="No cohort is a month old yet: the first one shows at the end of its first month.",
        kind="heat",
        along="months_after",
        measures=(Measure(column="retention_rate", label="still active", colour="blue"),),
        split="cohort_month",
        is_wide=True,
    ),
    Chart(
        name="placement",
        section="Placement",
        title="From sending to success",
        definition="Orders first attempted within the last 365 days, each once, and where they"
        " stand now. The parts below the first bar add up to it.",
        empty="No order was sent for placement within the last 365 days.",
        kind="funnel",
        measures=(
            Measure(column="orders_sent", label="sent for placement", colour="grey"),
            Measure(column="succeeded_first_try", label="succeeded at once", colour="blue"),
            Measure(column="succeeded_later", label="succeeded later", colour="teal"),
            Measure(column="still_open", label="still tried", colour="amber"),
            Measure(column="rejected", label="rejected", colour="red"),
            Measure(column="cancelled", label="cancelled", colour="purple"),
        ),
    ),
    Chart(
        name="recovery",
        section="Placement",
        title="Failed payments and recovery",
        definition="Orders whose payment failed at least once, by the month of the first attempt"
        " and by what became of them. The recovery rate, under the pointer and among the"
        " numbers, counts only orders that have come to an end: it does not move while a card is"
        " still tried.",
        empty="No payment has failed.",
        kind="movement",
        along="month_start_date",
        measures=(
            Measure(column="recovered", label="recovered", colour="teal"),
            Measure(column="still_open", label="still tried", colour="amber"),
            Measure(column="rejected", label="rejected", colour="red"),
            Measure(column="cancelled", label="cancelled", colour="purple"),
        ),
        rate="recovery_rate",
    ),
    Chart(
        name="upcoming_products",
        section="Upcoming orders",
        title="Units by week and product",
        definition="Units in unsent orders of the next 13 weeks, by the week (from Monday) in which"
        " they are to be placed. Overdue ones stand in this week. Ordergroove creates only the"
        " next order of a subscription, so later weeks fill up as time goes on.",
        empty=NOTHING_DUE,
        kind="weeks",
        along="week_start_date",
        measures=(Measure(column="units", label="units", colour="blue"),),
        split="product_name",
    ),
    Chart(
        name="upcoming_value",
        section="Upcoming orders",
        title="Value by week",
        definition="What the items of the same orders are worth, without tax and shipping.",
        empty=NOTHING_DUE,
        kind="weeks",
        along="week_start_date",
        measures=(Measure(column="revenue", label="value", colour="blue"),),
        is_money=True,
    ),
    Chart(
        name="freshness",
        section="The sync",
        title="Freshness",
        definition="When the newest finished read of each object type began: what changed in"
        " Ordergroove after it is not in the numbers above.",
        empty="No sync has run yet.",
        kind="table",
    ),
    Chart(
        name="gaps",
        section="The sync",
        title="Gaps",
        definition="Stretches of change time that no finished read covers: what changed only then"
        " may be missing. A gap without a start reaches back to the beginning.",
        empty="There are no gaps: every change since the first read has been asked for.",
        kind="table",
    ),
)
