"""Product-like sentences from a seeded grammar: what a shop's titles say, without a shop."""

from __future__ import annotations

import random

__all__ = ["product_sentences"]


def _listed(text: str) -> list[str]:
    return text.split(",")


KINDS = _listed(
    "maxi dress,wrap dress,cocktail dress,blouse,pencil skirt,pleated skirt,leggings,cardigan,"
    "trench coat,jumpsuit,camisole,tunic,kimono jacket,bralette,culottes,oxford shirt,polo shirt,"
    "chinos,blazer,hoodie,bomber jacket,parka,henley tee,boxer briefs,waistcoat,cargo shorts,"
    "swim trunks,pyjama set,bow tie,suit trousers,running shoes,ankle boots,loafers,espadrilles,"
    "high heels,sandals,rain boots,hiking boots,ballet flats,slippers,trainers,brogues,tote bag,"
    "backpack,crossbody bag,duffel bag,clutch,wallet,suitcase,laptop sleeve,belt bag,"
    "toiletry bag,necklace,bracelet,stud earrings,hoop earrings,signet ring,wristwatch,cufflinks,"
    "brooch,anklet,pendant,frying pan,saucepan,chef's knife,chopping board,teapot,espresso maker,"
    "mixing bowl,baking tray,salad spinner,pepper mill,storage jar,wine glass,dinner plate,mug,"
    "kettle,sofa,armchair,coffee table,bookshelf,floor lamp,area rug,cushion cover,throw blanket,"
    "picture frame,candle holder,curtain,mirror,vase,wall clock,duvet cover,pillow,"
    "mattress topper,bed frame,nightstand,alarm clock,bathrobe,wardrobe,fitted sheet,"
    "laundry basket,watering can,pruning shears,plant pot,garden hose,parasol,hammock,lawn mower,"
    "bird feeder,raised bed,fire pit,cordless drill,hammer,screwdriver set,spirit level,"
    "tape measure,toolbox,circular saw,wrench,sandpaper,work gloves,step ladder,"
    "wireless headphones,bluetooth speaker,phone case,charging cable,smart watch,tablet stand,"
    "keyboard,gaming mouse,webcam,power bank,monitor,e-reader,yoga mat,dumbbell,tennis racket,"
    "football,cycling helmet,climbing harness,swimming goggles,skipping rope,camping tent,"
    "sleeping bag,fishing rod,ski poles,skateboard,building blocks,jigsaw puzzle,plush bear,"
    "toy train,doll house,board game,kite,water pistol,colouring book,modelling clay,"
    "remote control car,face cream,shampoo,lipstick,nail polish,perfume,sunscreen,hand soap,"
    "hair dryer,makeup brush,beard oil,face mask,bath salts,olive oil,ground coffee,green tea,"
    "dark chocolate,oat milk,rye bread,cheddar cheese,tomato sauce,orange juice,honey,"
    "peanut butter,basmati rice,pasta,yoghurt,red apples,potato crisps,granola,baby carrier,"
    "pushchair,romper,feeding bottle,teething ring,cot mobile,changing mat,bib,night light,"
    "baby monitor,dog lead,cat tree,fish tank,dog bed,scratching post,bird cage,pet brush,"
    "chew toy,cat litter,hamster wheel,fountain pen,notebook,desk lamp,office chair,stapler,"
    "filing cabinet,whiteboard,paper shredder,desk organiser,calendar"
)
COLOURS = _listed(
    "black,white,red,navy,sky blue,forest green,olive,mustard,grey,charcoal,pink,burgundy,beige,"
    "brown,turquoise,lilac,orange,cream,silver,gold"
)
MANNERS = _listed(
    "lightweight,classic,vintage,modern,handmade,waterproof,organic,recycled,slim,oversized,"
    "compact,foldable,luxury,everyday,soft,sturdy,minimalist,bohemian,striped,floral,checked,"
    "embroidered,quilted,ribbed,matte,glossy,travel-size,extra large,professional,eco-friendly"
)
MATERIALS = _listed(
    "cotton,linen,wool,leather,suede,denim,silk,velvet,oak,walnut,stainless steel,cast iron,"
    "ceramic,glass,bamboo,canvas,polyester,fleece,cashmere,aluminium,porcelain,rubber,cork,"
    "marble,brass"
)
USES = _listed(
    "for summer evenings,for cold winters,for small flats,for beginners,for long journeys,"
    "for the office,for children,for rainy days,for the beach,for a wedding,for sensitive skin,"
    "for daily use,for festivals,for dads,for the whole family,for weekend trips,"
    "for professionals,for the gym,with free refill,with a gift box,with adjustable straps,"
    "with hidden pockets,with a five year warranty,made in Portugal,made in Italy,"
    "from fair trade,in a set of two,in a set of six,with gold details,with a timeless cut"
)


def product_sentences(count: int, seed: int = 7) -> list[str]:
    """That many different sentences; some kinds of product are commoner than others."""
    chance = random.Random(seed)
    weights = [(rank + 5) ** -0.5 for rank in range(len(KINDS))]
    chance.shuffle(weights)
    made: dict[str, None] = {}  # in the order in which they were made
    while len(made) < count:
        made[_sentence(chance, weights)] = None
    return list(made)


def _sentence(chance: random.Random, weights: list[float]) -> str:
    kind = chance.choices(KINDS, weights)[0]
    parts = [chance.choice(MANNERS)] if chance.random() < 0.8 else []
    if chance.random() < 0.7:
        parts.append(chance.choice(COLOURS))
    if chance.random() < 0.6:
        parts.append(chance.choice(MATERIALS))
    parts.append(kind)
    if chance.random() < 0.65:
        parts.append(chance.choice(USES))
    return " ".join(parts)
