"""The page of the documents that are made, and the documents.

A document is downloaded, not shown: it is a page of its own, with its own style, for people who have no account here.
"""

from typing import Annotated

from litestar import Response
from litestar.params import PathParameter

from homespun_server.api.problem import ClientError
from homespun_server.compliance.documents.gathering import gather
from homespun_server.compliance.documents.making import DOCUMENTS, TITLES
from homespun_server.compliance.documents.rendering import FORMATS
from homespun_server.console.desk import At, PageRequest
from homespun_server.console.pages.kinds import reading
from homespun_server.console.rendering import Page
from homespun_server.errors import SettingsError

_Name = Annotated[str, PathParameter(max_length=20)]


@reading("/documents")
def documents_page(desk: At, request: PageRequest) -> Page:
    """List the documents that can be made."""
    named = desk.services.settings.compliance.controller is not None
    return desk.renderer.page(
        "documents", request.auth, place="documents", titles=TITLES, formats=tuple(FORMATS), named=named
    )


@reading("/documents/{name:str}/{form:str}")
def document(desk: At, name: _Name, form: _Name) -> Response[bytes]:
    """Make a document."""
    if name not in DOCUMENTS or form not in FORMATS:
        raise ClientError("there is no such document.", status_code=404)
    try:
        made = DOCUMENTS[name](gather(desk.services.settings, desk.services.store))
    except SettingsError as error:
        raise ClientError(
            "the settings do not say who decides about the processing: fill in [compliance.controller].",
            status_code=409,
        ) from error
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(FORMATS[form](made), media_type="application/octet-stream", headers=headers)


HANDLERS = (documents_page, document)
