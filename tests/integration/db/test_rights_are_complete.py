"""That no table is left out of the tables of rights."""

import pytest

from tests.integration.db import test_rights_among_agents as among_agents
from tests.integration.db import test_rights_in_servers as in_servers
from tests.integration.db import test_rights_of_agents as of_agents
from tests.integration.db import test_rights_of_discovery as of_discovery
from tests.integration.db import test_rights_on_streams as on_streams
from tests.integration.db.world import World

_TABLES = """
select relname::text from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
"""


@pytest.mark.asyncio(loop_scope="session")
async def test_every_table_has_its_table_of_rights(world: World) -> None:
    tables = {row[0] for row in await world.admin.fetch(_TABLES)} - {"schema_migrations"}
    modules = (of_agents, in_servers, among_agents, on_streams, of_discovery)
    assert tables == {subject.table for module in modules for subject in module.SUBJECTS}
