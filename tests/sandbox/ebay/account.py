"""Owns who the user is and what the account may do: getUser, getPrivileges, getFulfillmentPolicies."""

from flask import Flask, Response, request

from tests.sandbox.ebay.answers import answer, refusal
from tests.sandbox.ebay.gate import API, Gate
from tests.sandbox.ebay.users import User


def register(app: Flask, gate: Gate) -> None:
    """Add the three calls."""

    @app.get(f"{API}/commerce/identity/v1/user/")
    def ebay_user() -> Response:
        return gate.enter("identity", "getUser", _user)

    @app.get(f"{API}/sell/account/v1/privilege")
    def ebay_privilege() -> Response:
        return gate.enter("account", "getPrivileges", _privileges)

    @app.get(f"{API}/sell/account/v1/fulfillment_policy")
    def ebay_policies() -> Response:
        return gate.enter("account", "getFulfillmentPolicies", lambda user: _policies(gate, user))


def _user(user: User) -> Response:
    return answer(
        200,
        {
            "userId": user["user_id"],
            "username": user["username"],
            "accountType": "BUSINESS",
            "registrationMarketplaceId": user["site"],
            "businessAccount": {"name": user["business"]},
            "status": user["status"],
        },
    )


def _privileges(user: User) -> Response:
    limit = {"amount": {"value": "25000.0", "currency": "USD"}, "quantity": 1000}
    return answer(200, {"sellerRegistrationCompleted": user["registered"], "sellingLimit": limit})


def _policies(gate: Gate, user: User) -> Response:
    site = request.args.get("marketplace_id", "")
    if not site:
        return refusal(400, 20401, "Missing field marketplace_id.", "API_ACCOUNT")
    offers = gate.users.part["offers"][user["user_id"]].values()
    sells = site == user["site"] or any(one["marketplaceId"] == site for one in offers)
    policy = {
        "fulfillmentPolicyId": "6196932000",
        "name": "Standard",
        "marketplaceId": site,
        "categoryTypes": [{"name": "ALL_EXCLUDING_MOTORS_VEHICLES"}],
        "globalShipping": False,
        "pickupDropOff": False,
        "freightShipping": False,
        "localPickup": False,
        "shippingOptions": [],
    }
    return answer(200, {"total": int(sells), "fulfillmentPolicies": [policy] if sells else []})
