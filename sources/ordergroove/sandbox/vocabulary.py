"""Words of the sandbox's merchant: a shop for coffee, tea, pets and soap, and its customers."""

FIRST_NAMES = (
    "Ada", "Amara", "Ben", "Bianca", "Carlos", "Chloë", "Dana", "Dmitri", "Elif", "Emeka",
    "Fiona", "Gustav", "Hana", "Ines", "Jamal", "Jürgen", "Kofi", "Lena", "Mateo", "Mei",
    "Noor", "Oleg", "Priya", "Quinn", "Rosa", "Siobhán", "Tariq", "Uma", "Víctor", "Wanda",
    "Ximena", "Yusuf", "Zoë", "李娜",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Achterberg", "Baker", "Bianchi", "Castillo", "Chen", "D'Angelo", "Diallo",
    "Eriksson", "Fischer", "García", "Haddad", "Ivanova", "Jensen", "Kaplan", "Larsen",
    "Müller", "Nakamura", "O'Neill", "Okafor", "Patel", "Quispe", "Rossi", "Silva",
    "Torres", "Ueda", "Van der Berg", "Weiss", "Yilmaz", "Zhang",
)  # fmt: skip
STREETS = ("Alder Way", "Broad St", "Canal Row", "Dogwood Ln", "Elm St", "Ferry Rd", "Grand Ave")

PLACES = (
    # city, state, zip, country, tax in hundredths of a percent
    ("Boston", "MA", "02108", "US", 625),
    ("New York", "NY", "10004-2487", "US", 887),
    ("Chicago", "IL", "60601", "US", 1025),
    ("Austin", "TX", "73301", "US", 825),
    ("Portland", "OR", "97201", "US", 0),
    ("Denver", "CO", "80202", "US", 881),
    ("Newark", "NJ", "07102", "US", 663),
    ("Seattle", "WA", "98101", "US", 1035),
    ("London", None, "SW1A 1AA", "GB", 0),
)

CATEGORIES = (
    # group, lowest price in cents, how popular, usual rhythm as (every, period), names
    ("coffee", 1299, 40, (1, 3), ("Morning Roast", "Dark Harbor", "Decaf Dusk", "Single Farm")),
    ("tea", 899, 15, (5, 2), ("Green Field", "Earl of Rain", "Mint Garden", "Chai No. 9")),
    ("pets", 2450, 20, (3, 2), ("Grain-free Kibble", "Salmon Bites", "Calm Chews", "Clean Litter")),
    ("soap", 599, 15, (2, 3), ("Oat Bar", "Cedar Wash", "Citrus Refill", "Lather Sheets")),
    ("vitamins", 1850, 10, (30, 1), ("Daily Multi", "Sun D3", "Deep Sleep", "Iron Gentle")),
)
SIZES = (("Small", 100), ("Large", 175))

RHYTHMS = ((2, 2), (3, 2), (4, 2), (6, 2), (8, 2), (1, 3), (2, 3), (14, 1), (30, 1), (45, 1))

CANCEL_REASONS = (
    (1, "Too expensive"),
    (2, "No longer needed"),
    (4, "Overstocked"),
    (5, "Switched to another brand | cheaper elsewhere"),
    (7, "Delivery problems"),
    (9, 'Other: my cat, "Muffin", won\'t touch it'),
)
DISCONTINUED_REASON = (12, "Product discontinued")
FAILED_PAYMENT_REASON = (13, "Payment failed too often")

DECLINED = '{"message": "Card was declined.", "code": "140"}'
TECHNICAL = '{"message": "The shop did not answer in time.", "code": "020"}'
GAVE_UP = "140: declined, retry limit reached"
OUT_OF_STOCK = "999: nothing in this order is in stock"
