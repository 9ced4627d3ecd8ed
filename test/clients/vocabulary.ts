/** What a reader knows of words: which of them name things of one kind. */
export const KINDS: Readonly<Record<string, readonly string[]>> = {
  animals: words('beaver camel donkey eagle goose heron horse lizard monkey mouse otter rabbit sheep snake spider tiger whale zebra'),
  fruit: words('apple apricot banana cherry grape lemon mango melon papaya peach quince raspberry'),
  'things to wear': words('apron blouse bonnet glove jacket mitten pyjamas sandal scarf shirt sweater trousers'),
  furniture: words('armchair bench bookcase chair cupboard dresser sideboard sofa stool table wardrobe'),
  'musical instruments': words('banjo cello clarinet flute guitar harmonica oboe piano trombone trumpet violin'),
  'parts of the body': words('ankle elbow eyebrow finger forehead mouth shoulder stomach throat thumb tongue wrist'),
  tools: words('chisel hammer hatchet pickaxe pliers scissors screwdriver shovel sickle spanner wrench'),
  'kinds of weather': words('blizzard breeze drizzle hailstorm lightning rain snowfall sunshine thunder'),
  colors: words('beige black brown crimson green purple scarlet turquoise white yellow'),
  'parts of a house': words('attic balcony bathroom bedroom cellar chimney doorstep kitchen roof staircase window'),
}

function words(text: string): readonly string[] {
  return text.split(' ')
}
