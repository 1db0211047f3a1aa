"""A new life for the log: from then on every position that a client holds is answered with `reset`.

Wanted wherever the database went back in time without PostgreSQL itself knowing: after a restore, a snapshot of a
disk, a copied data directory. A failover or a recovery to a point in time begins a new timeline and needs nothing.
"""

from typing import Final

from db.admin import AdminError, administering

_NEW_LIFE: Final = """
insert into public.platform (one, log_life) values (true, gen_random_uuid())
on conflict (one) do update set log_life = excluded.log_life
"""

# For the end of a restore's transaction, which has row security off: policies would be errors then.
NEW_LIFE_SCRIPT: Final = f"set row_security = on;\n{_NEW_LIFE.strip()};\n"


async def begin_new_life(admin_url: str) -> None:
    """Change the epoch. Raises AdminError, StoreUnavailableError."""
    async with administering(admin_url, shared=True) as connection:
        if await connection.fetchval("select to_regclass('public.platform') is null"):
            raise AdminError("there is no MoltStack in this database")
        await connection.execute("set role moltstack_owner")
        await connection.execute(_NEW_LIFE)
