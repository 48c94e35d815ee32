"""*Change product* on one order: the shop's products are searched, and one is taken for one line of this order only."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.errors import RemoteError
from shopapp.orders import choose
from shopapp.records import db
from shopapp.skus import shelf
from shopapp.skus.shelf import Product
from shopapp.web.narrow import address
from shopapp.web.order import of_shop
from shopapp.web.skus import look, typed
from shopapp.work import bell

blueprint = Blueprint("order_product", __name__)
PATH = "/orders/<int:order_id>/lines/<int:line_id>/product"


@blueprint.get(PATH)
def page(order_id: int, line_id: int) -> str:
    """The line, and the products that a search finds."""
    with db.reading() as s:
        row = of_shop(s, order_id)
        line = next((one for one in row.lines if one.id == line_id), None) or abort(404)
    text = typed("find")
    return render_template("orders/product.html", order=row, line=line, open=row.state in choose.OPEN, **look(text))


def _wanted() -> Product | None:
    """The product named by the form, read again where it was found; None when it is no longer there."""
    try:
        return shelf.one(g.shop_id, typed("find"), request.form.get("gid", ""))
    except RemoteError:
        return None


@blueprint.post(PATH)
def take(order_id: int, line_id: int) -> AnyResponse:
    """Take a product for this line, or none but what the mappings say; a failed order is tried at once."""
    product = _wanted() if "gid" in request.form else None
    if product is None and "gid" in request.form:
        return redirect(address(f"/orders/{order_id}/lines/{line_id}/product", done="product_gone"), 303)
    with db.writing() as s:
        done = choose.choose(s, g.shop_id, order_id, line_id, product, g.visitor.user_id)
    if not done:
        abort(404 if done is None else 409)
    bell.ring("now")
    return redirect(f"/orders/{order_id}?done=product_chosen", 303)
