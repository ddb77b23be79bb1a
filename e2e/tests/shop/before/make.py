#!/usr/bin/env python3
"""Makes the data of `tests/before`: what an older build stored, with work that it left half done.

    make.py FOLDER sqlite     writes sqlite.tar.gz: the data folder of `comptoir up`
    make.py FOLDER servers    writes postgres.sql, mongodb.jsonl and sandbox.jsonl: the databases of
                              `comptoir up` on servers, and what its sandbox provider was asked

FOLDER holds the binary `comptoir` of the older build, built with `--features comptoir-standalone/failpoints`. `servers` reads
DATABASE_URL and MONGODB_URI, and needs psql, pg_dump and the Python package pymongo. Each writes a .json file of the same
name: the ids that a test looks for in the data.
"""

import json, os, shutil, signal, socket, subprocess, sys, tarfile, tempfile, threading, time, urllib.error, urllib.request
from pathlib import Path

LOG = Path(tempfile.gettempdir()) / "before.log"
HERE = Path(__file__).resolve().parent
ADMIN = ("admin@shop.example", "correct horse battery staple")
CUSTOMER = ("ada@customer.example", "a long pass phrase")
UNITS = 100
ON_MONGO = ["auth", "orders", "notifier"]
# The refund and the first checkout stop here for longer than the process lives.
STOPPED = ["orders.refund.refund.before", "orders.complete.confirm.before"]
# The next mail kills the process.
DEATH = "notifier.send.before"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, look, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"{what}: not within {seconds} s")


class Process:
    """A process of the older build."""

    def __init__(self, command, settings):
        self.command, self.settings, self.child = command, settings, None

    def start(self, fail_points=""):
        servers = ["DATABASE_URL", "MONGODB_URI", "KAFKA_BROKERS", "REDIS_URL", "AWS_ENDPOINT_URL"]
        env = {name: value for name, value in os.environ.items() if name not in servers}
        # A stopped task holds a thread.
        env |= self.settings | {"FAILPOINTS": fail_points, "TOKIO_WORKER_THREADS": "8"}
        self.child = subprocess.Popen(self.command, env=env, stdout=subprocess.PIPE, stderr=open(LOG, "ab"))
        line = self.child.stdout.readline().decode()
        if not line.startswith("ready "):
            sys.exit(f"{self.command}: not ready, see {LOG}")

    def end(self, sign):
        if self.child and self.child.poll() is None:
            self.child.send_signal(sign)
            self.child.wait(60)


class Shop:
    """A shop and calls to it."""

    def __init__(self, port):
        self.port = port

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def call(self, method, path, body=None, token=None, key=None):
        headers = {"content-type": "application/json", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if key:
            headers["idempotency-key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            if error.code >= 500 or not text:
                raise
        return json.loads(text) if text else None

    def graphql(self, query, variables=None, token=None):
        answer = self.call("POST", "/graphql", {"query": query, "variables": variables or {}}, token)
        if answer.get("errors"):
            sys.exit(f"{query}: {answer}")
        return answer["data"]

    def sign_in(self, who):
        return self.call("POST", "/auth/token", {"email": who[0], "password": who[1]})

    def mailed_token(self, email):
        mails = self.call("GET", f"/mailbox?to={email}")
        return mails and mails[0]["text"].split("token=")[1].split()[0]

    def cart(self, email, lines, token=None):
        lines = [{"variantId": variant, "quantity": quantity} for variant, quantity in lines]
        query = "mutation($i: CartCreateInput) { cartCreate(input: $i) { cart { id } userErrors { code message } } }"
        cart = self.graphql(query, {"i": {"email": email, "lines": lines}}, token)["cartCreate"]["cart"]["id"]
        address = {"firstName": "Ada", "lastName": "Lovelace", "line1": "1 rue de la Paix", "city": "Paris",
                   "postalCode": "75002", "countryCode": "FR"}
        self.call("PATCH", f"/store/carts/{cart}", {"deliveryAddress": address, "deliveryOptionId": "standard"}, token)
        return cart

    def discount(self, cart, code, token=None):
        query = "mutation($c: ID!, $d: [String!]!) { cartDiscountCodesUpdate(cartId: $c, codes: $d) { userErrors { code } } }"
        self.graphql(query, {"c": cart, "d": [code]}, token)

    def complete(self, cart, card="tok_visa", token=None):
        body = {"payment": {"provider": "sandbox", "token": card}}
        return self.call("POST", f"/store/carts/{cart}/complete", body, token, f"key-{cart}")

    def order_of(self, cart, token=None):
        query = "query($c: ID!) { cart(id: $c) { order { id number state paymentStatus } } }"
        return self.graphql(query, {"c": cart}, token)["cart"]["order"]

    def paid(self, cart, token=None):
        return until("the order is captured", lambda: (o := self.order_of(cart, token)) and o["paymentStatus"] == "CAPTURED" and o)


def fill(shop):
    """Does what is finished before the process dies."""
    admin = shop.sign_in(ADMIN)["accessToken"]

    def product(title, price, quantity):
        query = "mutation($i: ProductInput!) { productCreate(input: $i) { product { id variants { id } } userErrors { code message } } }"
        made = shop.graphql(query, {"i": {"title": title, "variants": [{"price": price, "quantity": quantity}]}}, admin)
        return made["productCreate"]["product"]["variants"][0]["id"]

    lamp, mug = product("Lamp", "50.00", UNITS), product("Stoneware mug", "18.00", UNITS)
    query = "mutation($i: DiscountInput!) { discountCreate(input: $i) { userErrors { code message } } }"
    shop.graphql(query, {"i": {"code": "TEN", "kind": "PERCENT", "value": "10", "usageLimit": 1000}}, admin)
    shop.call("POST", "/auth/register", {"email": CUSTOMER[0], "password": CUSTOMER[1], "firstName": "Ada"})
    token = until("the mail", lambda: shop.mailed_token(CUSTOMER[0]))
    shop.call("POST", "/auth/confirm", {"token": token})
    session = shop.sign_in(CUSTOMER)
    access = session["accessToken"]
    orders = {}

    def bought(name, lines, token=None, code=None, email=None, card="tok_visa"):
        cart = shop.cart(email or f"{name}@buyer.example", lines, token)
        if code:
            shop.discount(cart, code, token)
        shop.complete(cart, card, token)
        return cart

    def act(cart, path, body):
        order = shop.order_of(cart)["id"]
        print(path, str(shop.call("POST", f"/admin/orders/{order}/{path}", body, admin, path))[:160])

    carts = {}
    carts["ada"] = bought("ada", [(lamp, 2)], access, "TEN", CUSTOMER[0])
    orders["ada"] = shop.paid(carts["ada"], access)
    for name in ["plain", "fulfilled", "partly-refunded", "returned", "canceled", "half-refunded"]:
        carts[name] = bought(name, [(lamp, 1), (mug, 1)])
        orders[name] = shop.paid(carts[name])
    act(carts["fulfilled"], "fulfill", {"trackingNumber": "1Z", "carrier": "post"})
    act(carts["partly-refunded"], "refund", {"amount": "10.00", "reason": "scratched"})
    act(carts["returned"], "refund", {"reason": "all back", "restock": True})
    act(carts["canceled"], "cancel", {})
    carts["declined"] = bought("declined", [(lamp, 1)], card="tok_declined")
    carts["at-bank"] = bought("at-bank", [(lamp, 1)], card="tok_requires_action")
    carts["open-guest"] = shop.cart("open@buyer.example", [(lamp, 3), (mug, 1)])
    carts["open-ada"] = shop.cart(CUSTOMER[0], [(mug, 2)], access)
    shop.discount(carts["open-ada"], "TEN", access)
    states = lambda: {name: shop.order_of(cart, access if "ada" in name else None) for name, cart in carts.items()}
    until("returned and canceled", lambda: (o := states()) and o["returned"]["paymentStatus"] == "REFUNDED"
          and o["canceled"]["state"] == "CANCELED" and o["partly-refunded"]["paymentStatus"] == "PARTIALLY_REFUNDED")
    return {"admin": ADMIN, "customer": CUSTOMER, "lamp": lamp, "mug": mug, "carts": carts, "orders": states()}


def half(shop, known, restart):
    """Leaves work half done: a refund before its call to the provider, a checkout between authorise and confirm, and one whose
    mail is recorded and not sent."""
    restart(dict.fromkeys(STOPPED, "1*sleep(600000)") | {DEATH: "return"})
    admin = shop.sign_in(ADMIN)["accessToken"]
    order = known["orders"]["half-refunded"]["id"]
    calls = []

    def in_background(call):
        def run():
            try:
                call()
            except Exception as error:
                print("as expected, no answer:", error)
        calls.append(threading.Thread(target=run, daemon=True))
        calls[-1].start()
        time.sleep(2)

    in_background(lambda: shop.call("POST", f"/admin/orders/{order}/refund", {"amount": "5.00", "reason": "late", "restock": False}, admin, "late"))
    cart = known["carts"]["half-placed"] = shop.cart("half-placed@buyer.example", [(known["lamp"], 2), (known["mug"], 1)])
    shop.discount(cart, "TEN")
    in_background(lambda: shop.complete(cart))
    known["orders"]["half-placed"] = shop.order_of(cart)
    cart = known["carts"]["unsent"] = shop.cart("unsent@buyer.example", [(known["mug"], 1)])
    in_background(lambda: shop.complete(cart))


def run(binaries, settings):
    """Runs the older build on its stores, until it dies; gives what a later one must find."""
    ports = {name: free_port() for name in ["HTTP", "ADMIN", "AUTH", "CATALOG", "ORDERS", "NOTIFIER"]}
    settings |= {f"COMPTOIR_{name}_ADDR": f"127.0.0.1:{port}" for name, port in ports.items()}
    settings |= {"COMPTOIR_ADMIN_EMAIL": ADMIN[0], "COMPTOIR_ADMIN_PASSWORD": ADMIN[1], "COMPTOIR_DRAIN_DELAY": "0",
                 "COMPTOIR_LIMIT_REQUEST": "0"}
    process = Process([binaries / "comptoir", "up", "--no-demo"], settings)
    process.start()
    shop = Shop(ports["HTTP"])
    known = fill(shop)
    # Every mail of what is finished is sent.
    until("the mails", lambda: len(shop.call("GET", "/mailbox?to=half-refunded@buyer.example")) == 2)
    time.sleep(3)
    process.end(signal.SIGTERM)
    half(shop, known, lambda points: process.start(";".join(f"{point}={action}" for point, action in points.items())))
    print("the process ended with", process.child.wait(60))
    return known


def sqlite(binaries, folder):
    known = run(binaries, {"COMPTOIR_DATA": str(folder / "data")})
    with tarfile.open(HERE / "sqlite.tar.gz", "w:gz", compresslevel=9) as archive:
        archive.add(folder / "data", "data")
    return known


def servers(binaries, folder):
    import pymongo
    from bson import json_util

    name = f"before{time.time_ns() % 10**9}"
    postgres, mongo = os.environ["DATABASE_URL"], os.environ["MONGODB_URI"]
    beside = lambda url, database: "/".join(url.split("/")[:3]) + f"/{database}"
    subprocess.run(["psql", "-q", postgres, "-c", f"CREATE DATABASE {name}"], check=True)
    settings = {f"COMPTOIR_{service.upper()}_STORE": beside(mongo, f"{name}_{service}") for service in ON_MONGO}
    known = run(binaries, settings | {"DATABASE_URL": beside(postgres, name), "COMPTOIR_DATA": str(folder)})
    shutil.copy(folder / "sandbox.jsonl", HERE / "sandbox.jsonl")

    command = ["pg_dump", "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100", beside(postgres, name)]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Comments, and what only psql understands.
    lines = [line for line in dump.splitlines() if line and not line.startswith(("\\", "--"))]
    (HERE / "postgres.sql").write_text("\n".join(lines) + "\n")
    subprocess.run(["psql", "-q", postgres, "-c", f"DROP DATABASE {name} WITH (FORCE)"], check=True)

    client = pymongo.MongoClient(mongo)
    with open(HERE / "mongodb.jsonl", "w") as out:
        write_line = lambda entry: out.write(json_util.dumps(entry, json_options=json_util.CANONICAL_JSON_OPTIONS) + "\n")
        for service in ON_MONGO:
            database = client[f"{name}_{service}"]
            for collection in sorted(database.list_collection_names()):
                of = {"service": service, "collection": collection}
                write_line(of | {"indexes": [dict(index) for index in database[collection].list_indexes()]})
                for document in database[collection].find():
                    write_line(of | {"document": document})
            client.drop_database(database.name)
    return known


if len(sys.argv) != 3 or sys.argv[2] not in ("sqlite", "servers"):
    sys.exit(__doc__)
where = Path(tempfile.mkdtemp())
found = {"sqlite": sqlite, "servers": servers}[sys.argv[2]](Path(sys.argv[1]), where)
(HERE / f"{sys.argv[2]}.json").write_text(json.dumps(found, indent=1) + "\n")
shutil.rmtree(where)
