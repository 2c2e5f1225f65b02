"""Puts values in place of templates in a host's variables, where they only name other variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from collector.inventory import connection_variables, templates
from collector.inventory.connection_variables import BECOME_PASSWORD, LABELS, SECRETS, Variable
from collector.inventory.templates import UnresolvedError, Value

NESTED_MAX = 20  # templates that name variables that are templates
_SECRET_NAMES = frozenset((*(name for names, _, _ in SECRETS for name in names), *BECOME_PASSWORD))
_REMEDY = "write the value itself, or a template that only names variables of the inventory"

Variables: TypeAlias = Mapping[str, Variable]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a host's templates can name."""

    variables: Variables
    magic: Mapping[str, str]  # inventory_hostname and the like


class Resolver:
    """Resolves the templates of hosts; `scope_of` gives another host's variables, None if there is none."""

    def __init__(self, scope_of: Callable[[str], Scope | None]) -> None:
        self._scope_of = scope_of

    def resolved(self, scope: Scope) -> Variables:
        """The variables, those with a template replaced by their value; what cannot be, keeps an obstacle."""
        if not any(variable.template for variable in scope.variables.values()):
            return scope.variables
        return {name: self._variable(name, each, scope) for name, each in scope.variables.items()}

    def _variable(self, name: str, variable: Variable, scope: Scope) -> Variable:
        if not variable.template or not connection_variables.counts(name) or name == LABELS:
            return variable
        if name in _SECRET_NAMES:
            return variable  # it is only told that there is one
        try:
            value = self._value(variable.template, scope, 1)
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            return connection_variables.read(name, value, variable.place)
        except UnresolvedError as error:
            return replace(variable, obstacle=f"is a Jinja template that {error}", remedy=_REMEDY)
        except ValueError as error:
            return replace(variable, obstacle=f"is a Jinja template, and its value {error}", remedy=_REMEDY)

    def _value(self, template: str, scope: Scope, depth: int) -> Value:
        if depth > NESTED_MAX:
            raise UnresolvedError("names itself, or templates that are nested too deep")

        def look_up(host: str, name: str) -> Value:
            return self._looked_up(scope, host, name, depth)

        return templates.resolve(template, look_up)

    def _looked_up(self, scope: Scope, host: str, name: str, depth: int) -> Value:
        """The value of a variable of this host (""), or of another one; KeyError if it is not defined."""
        of = self._scope_of(host) if host else scope
        if of is None:
            raise KeyError(f"the host {host[:80]!r}")
        if name in of.magic:
            return of.magic[name]
        if name in _SECRET_NAMES:
            raise UnresolvedError(f"names the secret {name}")
        if name not in of.variables:
            raise KeyError(name)
        variable = of.variables[name]
        if variable.template:
            return self._value(variable.template, of, depth + 1)
        if variable.obstacle:
            raise UnresolvedError(f"names {name}, which {variable.obstacle}")
        if isinstance(variable.value, tuple):
            raise UnresolvedError(f"names {name}, which is a mapping")
        return variable.value
