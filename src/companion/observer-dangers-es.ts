/** What must raise an alert within the call. Spanish; the text is folded, without accents. */
import { phrases, type Rule } from './observer-rules.ts';

const ALGUIEN =
  '(?:alguien|un (?:hombre|senor|tipo|extrano|desconocido|ladron|intruso)|una (?:mujer|persona|desconocida)|unos (?:hombres|tipos)|ladrones|el ladron|gente)';
const FAMILIA =
  '(?:mi (?:hij[oa]|marido|esposo|esposa|mujer|niet[oa]|sobrin[oa]|herman[oa]|yerno|nuera|vecin[oa]|cuidador[a]?|pareja)|la (?:cuidadora|enfermera|chica|asistenta)|el (?:cuidador|enfermero)|ell|ella)';
const SUENA =
  '(?:ha saltado|ha sonado|esta sonando|esta saltando|suena|salto|sono|no para de sonar|no deja de sonar)';
const CASA =
  '(?:mi |la |nuestra )?(?:casa|piso|apartamento|cocina|habitacion|garaje|cuarto|patio|jardin)';

export const DANGERS_ES: readonly Rule[] = [
  {
    category: 'emergency',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      String.raw`(?<=(?:^|por favor,? |puede |puedes |podria |, |que ))(?:llam(?:a|e|en|ar)|pid(?:a|e|an)|avis(?:a|e|en)|manden?|envien?)(?:me)? (?:a )?(?:una ambulancia|la ambulancia|emergencias|urgencias|al 112|al 911|la policia|los bomberos|112|911)`,
      '(?<=^(?:ay,? |por favor,? |dios mio,? |socorro,? ){0,3})(?:una )?ambulancia(?:,? (?:por favor|rapido|ya|ahora)){0,2}(?=[.,!]*$|[.,!] )',
      'necesito (?:una ambulancia|ayuda (?:urgente|ya|ahora)|ir (?:al hospital|a urgencias) (?:ya|ahora))',
      String.raw`(?<=^(?:ay,? |por favor,? |dios mio,? )*)(?:socorro|auxilio|ayuda(?! (?:a |mucho))|ayudeme|ayudame|ayudenme)(?:,? (?:por favor|socorro|auxilio|ayuda|rapido)){0,3}(?=[.!,]*$|[.!,] )`,
    ),
  },
  {
    category: 'emergency',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${FAMILIA} (?:no respira|no despierta|no se despierta|esta inconsciente|se ha desmayado|se desmayo|se esta ahogando|(?:le )?esta dando un (?:infarto|ictus)|se (?:cayo|ha caido) y no)`,
      `(?:le (?:esta dando|ha dado)) un (?:infarto|ictus|derrame) (?:a mi|ahora)`,
    ),
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      '(?<!\\b(?:cuando|donde|si) )hay (?:un |mucho )?(?:fuego|incendio)(?: muy)?(?: grande)?(?=[.!]|$|,? (?:aqui|ahora|en casa|por todas|ayuda|socorro|por favor|vengan))',
      '(?<=^(?:ay,? |socorro,? |ayuda,? ){0,3})(?:fuego(?:,? fuego|!)|incendio!)(?:,? fuego){0,2}(?=[!,.]*$|[!,.]? )',
    ),
    unless: /\b(?:donde hay humo|en la chimenea)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    pattern: phrases(
      '(?:huele|olor|huelo|olia)~ (?:a )?gas',
      '(?:fuga|escape) de gas',
      '(?:deje|he dejado|me deje) el gas (?:abierto|encendido)',
      `${SUENA} (?:la|el) (?:alarma|detector) de (?:gas|monoxido)`,
      '(?:alarma|detector) de (?:gas|monoxido)(?: de carbono)? (?:esta |ha |no para de |no deja de )?(?:sonando|sonado|saltado|suena|sono|salto|sonar|pitando|pita|pitar)',
    ),
    unless: /\b(?:en|a) la gasolinera (?:y|donde|cuando)\b/,
    unlessNear: /\b(?:barbacoa|gasolinera|hoguera|parrilla)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    pattern: phrases(
      '(?:huele|olor|huelo|olia)~ (?:a )?(?:quemado|humo)',
      `${SUENA} (?:la|el) (?:alarma|detector) de (?:humos?|incendios?|fuego)`,
      '(?:alarma|detector) de (?:humos?|incendios?|fuego) (?:esta |ha )?(?:sonando|sonado|saltado|suena|sono|salto)(?!.{0,60}\\b(?:tostadas?|prueba|pilas?|falsa alarma)\\b)',
      '(?:hay|sale) (?:mucho |un )?(?:humo|fuego|incendio)(?! artificial)~ (?:en|de|por) (?:la |mi |el )(?!chimenea|tele|parque|playa)[a-z]+',
      '(?:se (?:esta |ha )?(?:quemando|quemado|incendiando|incendiado)|se incendio|en llamas|esta ardiendo|arde) (?:la |mi |el )?(?:casa|cocina|sarten|cortinas?|horno|piso|habitacion|edificio|sofa|cama)',
      '(?:casa|cocina|sarten|cortinas?|horno|piso|edificio|sofa|cama|freidora)~ (?:ardiendo|en llamas|se quema|se esta quemando)',
    ),
    unless:
      /\b(?:barbacoa|gasolinera|hoguera|velas?|incienso|fuegos artificiales|parrilla|donde hay humo|en la chimenea)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      `(?:${ALGUIEN} )?(?:han entrado|ha entrado|entro|entraron|se (?:ha |han )?(?:metio|metieron|metido|colado|colo))(?: a robar| por la fuerza)? en ${CASA}`,
      `(?:${ALGUIEN}) (?:esta |estan )?(?:ha entrado|entro|entrando|intentando entrar|intenta entrar|tratando de entrar|trata de entrar|quiere entrar|forzando la puerta|golpeando la (?:puerta|ventana)|aporreando la puerta)`,
      `hay ${ALGUIEN}(?: extran[oa])?(?: escondido| mirando| parado| asomado)? (?:en|dentro de|debajo de|detras de|fuera de|por) (?:la |mi )?(?:ventana|casa|cama|cocina|habitacion|jardin|patio|garaje|piso)`,
      `${ALGUIEN}(?: extran[oa])? (?:esta |se asoma |me mira |mira |mirando |parado |asomado )+(?:en|por|a|desde) (?:la|mi) ventana`,
      'hay un (?:hombre|extrano|desconocido) en (?:la|mi) puerta',
      `${ALGUIEN} me (?:esta siguiendo|sigue|persigue|amenaza|ha amenazado|amenazo)`,
      'no se quiere ir de mi casa',
      'me han (?:entrado|asaltado) (?:en|la) (?:casa|piso)',
    ),
  },
  {
    category: 'abuse',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${FAMILIA}(?: siempre| a veces| tambien)? me (?:ha |esta )?(?:pega|pego|pegado|pegando|golpea|golpeo|golpeado|empuja|empujo|empujado|amenaza|amenazo|amenazado|encierra|encerro|encerrado|maltrata|maltrato|maltratado|hace dano|hizo dano)`,
      '(?:le )?tengo (?:mucho )?miedo (?:a|de) (?:mi (?:hij[oa]|marido|esposo|niet[oa]|yerno|sobrin[oa]|vecin[oa])|la cuidadora|el cuidador|ell\\b|ella)',
      'no me dejan? (?:comer|salir de (?:casa|la habitacion|mi cuarto)|usar el telefono|llamar a nadie)',
      'me (?:quita|quitan|roba|roban) (?:la pension|mi pension|el dinero de la pension)',
    ),
  },
  {
    category: 'lost',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?:estoy|ando) (?:completamente |muy )?perdid[oa](?=[.,!]|$| en la (?:calle|ciudad)| y )',
      'no se (?:ni )?donde estoy',
      'no (?:se|encuentro|puedo)(?: encontrar)? (?:como )?(?:volver|el camino|llegar) (?:a|de) (?:mi )?casa',
    ),
    unless: /\b(?:sin (?:ell|ella|mi)|crucigrama|receta)\b/,
  },
  {
    category: 'crime',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      'me (?:han )?(?:robado|robaron|robo|atracado|atracaron|asaltado|asaltaron|agredido|agredieron)(?! (?:el corazon|el sueno|tiempo))',
    ),
  },
];

export const HEALTH_ES: readonly Rule[] = [
  {
    category: 'chest-or-breathing',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?:me|el pecho)(?: me)?~ (?:duele|dolia|aprieta|oprime|pesa|arde|quema)~ (?:en )?el pecho',
      'el pecho me~ (?:duele|aprieta|oprime|pesa|arde|quema)',
      'me (?:duele|aprieta|oprime|pesa|arde)(?: mucho| bastante| un poco)? el pecho',
      '(?:siento|noto|tengo) (?:el|un peso en el) pecho(?: muy| tan)?(?: pesado| apretado| oprimido| cargado)',
      'no (?:puedo|podia|consigo|logro)(?: casi| ni| bien)? respirar',
      'me (?:falta|faltaba) (?:el aire|el aliento|la respiracion)',
      '(?:me cuesta|me costaba)(?: mucho)? respirar',
      'me (?:estoy )?(?:ahogo|ahogando|asfixio|asfixiando)(?! en un vaso| de risa)',
      'me (?:esta dando|ha dado|dio) un infarto',
      '(?:tengo|estoy teniendo|he tenido|tuve) un infarto',
    ),
    unless: /\b(?:de (?:la )?risa|casi me da)\b/,
  },
  {
    category: 'chest-or-breathing',
    severity: 'high',
    denial: 'state',
    pattern: phrases(
      '(?:dolor(?:es)?|presion|opresion|peso|punzadas?|pinchazos?|ardor)(?: muy)?(?: fuerte| grande)? en el pecho',
      'falta de aire',
    ),
  },
  {
    category: 'stroke-signs',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      'se me (?:ha |esta |han )?(?:dormido|durmio|durmiendo|torcido|torcio|caido|cayo|paralizado|paralizo|quedado dormid[oa])~ (?:el brazo|la cara|la pierna|la boca|la mano|medio cuerpo|un lado|el lado)',
      '(?:la|media) (?:cara|boca)(?: se me ha)?(?: esta)?~ (?:caida|torcida|dormida|paralizada|torcido|caido)',
      '(?:el|mi|la) (?:brazo|pierna|mano|cara|lado)(?: izquierd[oa]| derech[oa])?(?: lo| la| se me| me)*(?: tengo| esta| ha| quedo| quedado)*~ (?:dormid[oa]|paralizad[oa]|sin fuerza|muert[oa])',
      'no (?:siento|puedo mover|muevo) (?:el brazo|la pierna|la mano|la cara|medio cuerpo|un lado|el lado)',
      '(?:se me traba la lengua|no me salen las palabras de la boca|arrastro las palabras)',
      'no veo (?:nada )?(?:por|con|de) (?:un|el) ojo',
      '(?:me (?:esta dando|ha dado|dio)|tengo|he tenido|tuve) un (?:ictus|derrame|derrame cerebral)',
      'de repente no (?:veo|puedo hablar)',
    ),
    unless: /\b(?:frio|nieve|dentista|anestesia|dormi encima|mala postura)\b/,
  },
  {
    category: 'fall',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?<!(?:no|casi|nunca) )me (?:he |habia |volvi a )?(?:cai|caido|caer)(?! (?:bien|mal|simpatic|de risa|de sueno|en la cuenta|en gracia|del guindo))',
      '(?<!(?:no|casi|nunca) )(?:tuve|he tenido|sufri|he sufrido|me di|me he dado)(?: ayer| hoy| otra vez)? (?:una|otra|un)(?: mala| buena| gran| pequena)? (?:caida|golpazo|batacazo|porrazo|trompazo|costalazo)',
      '(?<!(?:no|casi|nunca) )me (?:he )?(?:resbale|resbalado|tropece|tropezado)(?: [a-z]+){0,6} (?:y|en|con) (?:me (?:cai|di|golpee|he caido|hice)|la (?:ducha|banera|escalera|acera)|el (?:bano|suelo|hielo))',
      '(?:estoy|estaba|estuve|llevo|sigo) (?:tirad[oa] |tumbad[oa] |caid[oa] )*en el suelo',
      'no (?:me )?(?:puedo|podia) (?:levantar|incorporar)(?:me)? del suelo',
      'me (?:caigo|estoy cayendo) (?:mucho|a menudo|cada|constantemente|todo el tiempo)',
      '(?:rode|bajado rodando|cai rodando) (?:por )?las escaleras',
      'se me doblaron las (?:piernas|rodillas)',
    ),
  },
  {
    category: 'fainting',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?<!(?:no|casi|nunca) )me (?:he )?(?:desmaye|desmayado|desvaneci|desvanecido)',
      '(?:perdi|he perdido) (?:el conocimiento|la conciencia|el sentido(?! del humor))',
    ),
  },
  {
    category: 'bleeding',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?<!no )(?:estoy sangrando|sangro mucho|me sale mucha sangre|(?:tosiendo|vomitando|tosi|vomite|escupiendo) sangre)',
      'no (?:para|deja) de sangrar',
      'hay sangre por todas partes',
    ),
  },
  {
    category: 'overdose',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?<!no )me (?:he )?(?:tome|tomado|trague)~ (?:demasiad[oa]s|el doble|todas (?:las|mis)|un bote (?:entero )?de|dos veces)~ (?:pastillas|medicinas|medicacion|dosis|insulina|tranquilizantes)(?! (?:de hoy|de la manana|ya))',
      'me (?:he )?(?:bebi|bebido|tome|tomado|trague) (?:lejia|veneno)',
      '(?:guardando|juntando|ahorrando) (?:mis |las )?pastillas para',
    ),
  },
];

export const DESPAIR_ES: readonly Rule[] = [
  {
    category: 'end-of-life',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      'no (?:quiero|deseo|queria)~ (?:(?:seguir )?vivi(?:r|endo)(?: mas| asi)?(?! (?:en|con|aqui|ahi|alli|cerca|lejos|sol[oa]|fuera))|seguir (?:asi|adelante|aqui|mas)|estar (?:mas )?aqui (?:mas|ya)|despertar(?:me)? (?:mas|manana|nunca))',
      '(?:la|mi) vida (?:ya )?no (?:tiene|merece|vale) (?:ningun )?(?:sentido|la pena)',
      'no tengo (?:ganas|motivos|razones)(?: de| para)(?: seguir)? (?:vivir|viviendo)(?! (?:en|con))',
      'ya no (?:quiero|tengo ganas de)(?: seguir)? (?:vivir|viviendo|seguir)(?! (?:en|con|[a-z]+ndo))',
      '(?:ojala|preferiria|prefiero|quisiera|mejor|espero)(?: que)?(?: yo)?(?: me)?~ (?:muriera|muera|morir(?:me)?|no (?:me )?despertar(?:a|me)?|no (?:me )?despierte|estar muert[oa]|estuviera muert[oa])(?! (?:temprano|tarde|a las))',
      '(?:ojala|que) (?:dios|el senor) me (?:lleve|llevara)',
      '(?:no (?:hay|tengo|le veo|veo|tiene)|que)~ (?:motivo|razon|razones|sentido)s? (?:para |de |tiene )?(?:seguir )?(?:viv(?:ir|iendo)|la vida|mi vida|seguir)',
      '(?:para que|de que sirve|que sentido tiene) (?:(?:quiero )?seguir (?:viviendo|adelante|asi|aqui)|vivir|mi vida|la vida|todo esto)(?! en)',
      '(?:no (?:vale|merece) la pena) (?:seguir|vivir)',
      '(?:cansad[oa]|hart[oa]) de (?:vivir|la vida|esta vida)',
      '(?:estarian|estaran|estareis|vivirian) mejor sin mi',
      '(?:no puedo|ya no puedo)(?: seguir)? (?:mas con (?:la|mi|esta) vida|seguir (?:asi|viviendo|adelante))',
      'no (?:tengo|me queda) nada por (?:lo )?que vivir',
    ),
  },
  {
    category: 'end-of-life',
    severity: 'high',
    denial: 'state',
    pattern: phrases(
      '(?:quiero|queria|quisiera|deseo|ganas de|me gustaria)(?: solo| ya)? morir(?:me)?(?! de (?:risa|verguenza)| en (?:mi )?casa)',
      '(?:matarme|suicidarme|suicidio|quitarme la vida|acabar con (?:mi vida|todo)|hacerme dano)',
    ),
  },
  {
    category: 'burden',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:soy|me siento|siento que soy|ser)(?: solo| como)? una carga',
      '(?:soy|estoy hech[oa]) un estorbo',
      'cuando (?:yo )?(?:me muera|ya no este|falte)',
      'no (?:puedo|aguanto|soporto) mas(?=[.,!]|$)',
      '(?:no hay|he perdido la|sin) esperanzas?(?=[.,!]|$| para mi)',
      'no sirvo para nada',
    ),
  },
];

export const SCAMS_ES: readonly Rule[] = [
  {
    category: 'scam',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?:pagar|pague|pago|paga|comprar|compre|pid(?:e|en|io|ieron))(?: [a-z0-9]+){0,6} tarjetas? (?:de )?regalo',
      '(?<!no )le (?:he )?(?:di|dado|dije|dicho|lei|leido|pase|mande)~ (?:mi (?:numero|tarjeta|cuenta|clave|pin|contrasena|dni|libreta)|el numero de (?:mi |la )?(?:tarjeta|cuenta)|los datos de|la clave|el pin|la contrasena|mis datos|el codigo)',
      '(?:me )?(?:pidi[oe]r?o?n?|pide|piden|pidiendo|pidio)(?: [a-z]+)? (?:el numero de (?:mi |la )?(?:tarjeta|cuenta)|mi (?:tarjeta|cuenta|clave|pin|numero de)|los datos (?:de mi|del|bancarios)|la clave|el pin|mis datos bancarios)',
      '(?:hacienda|banco|policia|microsoft|seguridad social|amazon|soporte tecnico|la luz).{0,60} (?:dice|dicen|dijo|dijeron|llam[oa]|llamaron|ha llamado|mando).{0,100} (?:debo(?! nada)|deuda|me (?:van a detener|arrestan|detendran)|tarjetas? (?:de )?regalo|transferencia|transferir|bitcoin|cuenta segura|virus|pagar (?:ya|ahora|hoy|inmediatamente))',
      '(?:niet[oa]|sobrin[oa])(?: [a-z,]+){0,12} (?:carcel|detenid[oa]|pres[oa]|accidente)(?: [a-z,]+){0,14} (?:dinero|fianza|pagar)',
      '(?<!no )me (?:han )?(?:estafado|estafaron|timado|timaron|enganado con)',
      '(?<!no )le (?:he )?(?:mande|mandado|envie|enviado|transferi|transferido)(?: [a-z0-9]+){0,4} (?:dinero|euros|dolares|pesos|mil)',
    ),
    unless: /\b(?:cumpleanos|navidad|boda|reyes|para mis? (?:niet|hij|sobrin)\w+)\b/,
  },
  {
    category: 'scam',
    severity: 'medium',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      '(?:estafa|estafador|timo|timador)(?:es|s)?',
      '(?:dicen?|dijo|dijeron|carta|llamada) (?:de )?que (?:he ganado|gane)(?! (?:al|el partido))',
    ),
  },
];
