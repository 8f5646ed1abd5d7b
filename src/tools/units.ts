/** Units by what they measure. The factor is the size in the first unit of its kind, exact where the unit is defined so. */
const KINDS = {
  length: {
    m: '1',
    mm: '0.001',
    cm: '0.01',
    km: '1000',
    inch: '0.0254',
    foot: '0.3048',
    yard: '0.9144',
    mile: '1609.344',
    nautical_mile: '1852',
  },
  mass: {
    kg: '1',
    mg: '0.000001',
    g: '0.001',
    tonne: '1000',
    ounce: '0.028349523125',
    pound: '0.45359237',
    stone: '6.35029318',
  },
  area: {
    m2: '1',
    cm2: '0.0001',
    km2: '1000000',
    hectare: '10000',
    square_foot: '0.09290304',
    square_inch: '0.00064516',
    square_mile: '2589988.110336',
    acre: '4046.8564224',
    tsubo: '3.305785123966942148760330578512396694',
  },
  volume: {
    l: '1',
    ml: '0.001',
    m3: '1000',
    cm3: '0.001',
    us_teaspoon: '0.00492892159375',
    us_tablespoon: '0.01478676478125',
    us_fluid_ounce: '0.0295735295625',
    us_cup: '0.2365882365',
    us_pint: '0.473176473',
    us_gallon: '3.785411784',
    imperial_pint: '0.56826125',
    imperial_gallon: '4.54609',
  },
  time: { s: '1', ms: '0.001', minute: '60', hour: '3600', day: '86400', week: '604800' },
  speed: {
    'm/s': '1',
    'km/h': '0.2777777777777777777777777777777777777778',
    mph: '0.44704',
    knot: '0.5144444444444444444444444444444444444444',
  },
  energy: { J: '1', kJ: '1000', cal: '4.184', kcal: '4184', Wh: '3600', kWh: '3600000' },
  power: { W: '1', kW: '1000', horsepower: '745.69987158227022' },
  pressure: {
    Pa: '1',
    hPa: '100',
    kPa: '1000',
    bar: '100000',
    atm: '101325',
    psi: '6894.757293168361336722673445346890693781',
    mmHg: '133.322387415',
  },
  data: {
    byte: '1',
    bit: '0.125',
    kB: '1000',
    MB: '1000000',
    GB: '1000000000',
    TB: '1000000000000',
    KiB: '1024',
    MiB: '1048576',
    GiB: '1073741824',
    TiB: '1099511627776',
  },
  temperature: { celsius: '1', fahrenheit: '1', kelvin: '1' },
} as const;

type Kind = keyof typeof KINDS;

export const UNITS: ReadonlyMap<string, { kind: Kind; factor: string }> = new Map(
  (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
    Object.entries(KINDS[kind] as Record<string, string>).map(([unit, factor]) => [unit, { kind, factor }] as const),
  ),
);

export const unitsOf = (kind: Kind): string[] => Object.keys(KINDS[kind]);
