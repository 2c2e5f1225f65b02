"""Who owns what changed: the label `owner` of a host, of a service that of most of its hosts."""

import polars as pl

from archive import tables


class Owners:
    """The owners of hosts, and of services as their processes are added."""

    def __init__(self, hosts: pl.DataFrame) -> None:
        """`hosts` have a name and an owner, which is empty if there is no such label."""
        self._hosts = hosts.filter(pl.col("owner") != "").select(pl.col("name").alias("host"), "owner")
        self._services: list[pl.DataFrame] = []

    def add(self, processes: pl.DataFrame) -> None:
        """Count the hosts of each service by owner, in some hosts that no other call names."""
        if self._hosts.is_empty():
            return
        runs_on = processes.filter(pl.col("service") != "").select("service", "host").unique()
        owned = runs_on.join(self._hosts, on="host", how="inner")
        self._services.append(
            tables.with_own_texts(owned.group_by("service", "owner").agg(pl.len().alias("hosts")))
        )

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with `owner`: of their host if they name one, else of their service."""
        most = self._most().rename({"owner": "_owner"})
        return (
            rows.join(self._hosts, on="host", how="left", maintain_order="left")
            .join(most, on="service", how="left", maintain_order="left")
            .with_columns(pl.coalesce("owner", "_owner").alias("owner"))
            .drop("_owner")
        )

    def _most(self) -> pl.DataFrame:
        """service, owner: the most frequent one; of equal ones the first by name."""
        if not self._services:
            return pl.DataFrame(schema={"service": pl.String, "owner": pl.String})
        counted = pl.concat(self._services).group_by("service", "owner").agg(pl.col("hosts").sum())
        ranked = counted.sort(["hosts", "owner"], descending=[True, False])
        return ranked.unique("service", keep="first", maintain_order=True).select("service", "owner")
