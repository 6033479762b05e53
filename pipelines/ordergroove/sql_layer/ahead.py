"""The views' texts for the engine, worded while a run still waits for Ordergroove.

That takes half a second of parsing. At the end of a run somebody waits for it; in its middle nobody
does. What knows SQL is imported no earlier either: reading begins a tenth of a second sooner.
"""

import logging
import threading

from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)


class Ahead:
    """Words the views in a thread, once the first package has brought the tables.

    What it gets wrong or does not get done, whoever applies the views words again.
    """

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.is_wanted = settings.views == "on"
        self.thread = threading.Thread(target=self.word, name="word views", daemon=True)
        self.missing: frozenset[str] = frozenset()

    def look(self, run: Run) -> None:
        """Called as the run goes on, by the thread that has the warehouse."""
        if not self.is_wanted or not run.committed or run.is_read:
            return
        self.is_wanted = False
        try:
            missing = self.missing_tables()
        # the engine's own classes are known where it is opened, not here
        except Exception:
            log.debug("the views are not looked at ahead", exc_info=True)
            return
        if missing is not None:
            self.missing = missing
            self.thread.start()

    def missing_tables(self) -> frozenset[str] | None:
        """What the views read and find empty; None where nothing has to be worded."""
        from pipelines.ordergroove.sql_layer.database import DEFINITIONS, InWarehouse
        from pipelines.ordergroove.sql_layer.made import RECORD, WHOLE, made_in
        from pipelines.ordergroove.sql_layer.reference_tables import PROVIDED
        from pipelines.ordergroove.sql_layer.relations import inputs

        if self.warehouse.dialect not in DEFINITIONS:
            return None
        there = self.warehouse.tables()
        # those of an earlier run: as a rule they stand
        if RECORD in there and made_in(InWarehouse(warehouse=self.warehouse)).ours.get(WHOLE):
            return None
        return frozenset(inputs().keys() - there - {*PROVIDED})

    def word(self) -> None:
        from pipelines.ordergroove.sql_layer import views

        for model in views.all_shipped():
            missing = model.reads & self.missing
            views.worded(model, self.warehouse.dialect, self.warehouse.dataset, missing)

    def wait(self) -> None:
        """Until it is done, if it has begun: two at the same work are no faster."""
        if self.thread.is_alive():
            self.thread.join()
