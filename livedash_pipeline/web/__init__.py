"""The console: pages for people below `/console/`, over the same steps as the HTTP API and under the same rights.

How a page is written:

1. A module of `web/pages` (a folder where a page has several) with `router()`, which returns `page_router("/requests")`; name it
   in `web/console.py`, and its entry in `web/navigation.py`. Functions are plain `def`, as routes of the API are.
2. `@allow(Access(...))` directly above the function says who may see it, as for the API: role, scope, and `action` for what
   changes something or shows texts of people. `READ`, `company_too`, `change` and `company_change` of `web/guard.py` are the
   usual ones. `company_named(request, slug)` gives the company that a page is about: a company's token sees its own alone.
3. State is in the address. Filters are one model, `Annotated[Model, Query()]`, that extends `PageQuery` (`web/queries.py`): an
   empty field of a form counts as not given. Unknown and repeated names are refused before the page is called, and so are values
   that cannot be.
4. `return render(request, "requests/list.html", title="Requests", ...)`. Templates extend `base.html` and begin with
   `{% import "macros.html" as m with context %}` (tables, filters, pagers, statuses, confirmations, empty states). Everything is
   escaped; an undefined name is an error. All of them have `here(status="failed")` (this page's address with other parameters),
   `address("/batches", company=slug)`, `may("admin:write")`, `path`, `this_page`, `now`, and the filters `when`, `num`, `eur`,
   `usd`, `short`, `share`, `span`, `words`. No `style=`, no `on...=`, no inline script or style: the policy forbids them.
5. What takes more than a few milliseconds on a million rows is asked of `kept(request, key, work)` (`web/kept.py`) and shown with
   its age (`m.age(...)`); while the first answer is computed, the page says so (`m.counting()`) in a section that looks again.
   What stands beside the rows of a page is asked of `looked_at`, so that a failed count does not end it.
   Lists page by cursor (`m.pager`).
6. A change is a `POST` with `Access(..., action="...", body="form")`; the guard checks where the form comes from and its token
   (`{{ m.form_token() }}` in each form), and refuses it in read-only mode. `form_of(request)` has the fields; `note` of
   `api.guard` adds counts and ids to the audit log. Bulk changes show first what they would do: `m.confirm(...)`. Answer with
   `redirect("/batches", ...)`, or with a page that says what was done.
7. Parts that go on by themselves: `<section id="progress" data-refresh="2">`; the script fetches the same address and replaces
   the section, until it comes without `data-refresh`. Without a script, `m.look_again()` is a link that does it.

A page works without the script, at the width of a phone, in the dark and printed; tests/web and tests/browser try each.
"""

from __future__ import annotations
